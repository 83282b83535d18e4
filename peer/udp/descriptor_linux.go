//go:build linux

package udp

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptor is a file descriptor that stays open while a call uses it, whoever closes it meanwhile.
type descriptor struct {
	file *os.File
	raw  syscall.RawConn
}

func newDescriptor(fd int, name string) descriptor {
	f := os.NewFile(uintptr(fd), name)
	raw, _ := f.SyscallConn() // fails only for a nil file
	return descriptor{f, raw}
}

// control runs f with the descriptor held open; an error when it is closed.
func (d descriptor) control(f func(fd uintptr)) error { return d.raw.Control(f) }

func (d descriptor) close() error { return d.file.Close() }

// signalEvent makes an eventfd readable.
func signalEvent(fd uintptr) {
	one := [8]byte{1}
	_, _ = unix.Write(int(fd), one[:]) // fails only when 2^64 signals are pending
}

// drainEvent makes a readable eventfd unreadable.
func drainEvent(fd int32) {
	var count [8]byte
	_, _ = unix.Read(int(fd), count[:])
}
