package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks per second of /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const userHZ = 100

// process reads the server's figures from /proc. Zero means that none is measured.
type process int

// cpu is the user and system time that the process used (proc(5), fields 14 and 15 of stat).
func (p process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, fmt.Errorf("bench: process %d: %w", p, err)
	}
	i := bytes.LastIndexByte(b, ')') // the name may hold anything
	f := strings.Fields(string(b[i+1:]))
	if i < 0 || len(f) < 13 {
		return 0, fmt.Errorf("bench: process %d: stat is not understood", p)
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("bench: process %d: stat is not understood", p)
	}
	return time.Duration(user+system) * time.Second / userHZ, nil
}

// rss is the resident memory in bytes (VmRSS of status).
func (p process) rss() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, fmt.Errorf("bench: process %d: %w", p, err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("bench: process %d has no VmRSS", p)
}
