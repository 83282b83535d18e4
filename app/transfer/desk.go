package transfer

import (
	"os"
	"path"
)

// desk keeps the folder open that was worked in last, so that a path below it is one look-up, however deep it is. One goroutine
// owns it. Like the os.Root that it begins at it is never led out of that.
type desk struct {
	root *os.Root
	dir  string   // with '/' at its end; "" is root itself
	sub  *os.Root // of dir
}

// at gives the folder of a path, and the name in it.
func (d *desk) at(local string) (*os.Root, string, error) {
	dir, base := path.Split(local)
	if dir == "" {
		return d.root, base, nil
	}
	if dir == d.dir {
		return d.sub, base, nil
	}
	d.close()
	sub, err := d.root.OpenRoot(dir)
	if err != nil {
		return nil, "", err
	}
	d.dir, d.sub = dir, sub
	return sub, base, nil
}

func (d *desk) close() {
	if d.sub != nil {
		_ = d.sub.Close()
		d.dir, d.sub = "", nil
	}
}
