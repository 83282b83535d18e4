package transfer

import (
	"math/rand/v2"
	"os"
)

// claim is a receiver's claim on the parts in a folder. Who comes second has parts of other names, which nobody goes on with: two
// that wrote into one part would give it a name with the other one's bytes in it.
type claim struct {
	dir   *os.File // holds the lock; nil for who comes second
	first int      // number of a part's name to begin at
}

func newClaim(root *os.Root) claim {
	dir, err := root.Open(".")
	if err == nil && tryLock(dir) {
		return claim{dir: dir}
	}
	if err == nil {
		_ = dir.Close()
	}
	return claim{first: 1000 + rand.IntN(1<<30)}
}

// alone says whether parts that are here may be gone on with.
func (c *claim) alone() bool { return c.dir != nil }

func (c *claim) close() {
	if c.dir != nil {
		_ = c.dir.Close()
		c.dir = nil
	}
}
