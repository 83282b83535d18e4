package server

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the process has used so far.
func usage() processUsage {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return processUsage{}
	}
	cpu := time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return processUsage{cpu: cpu, memory: residentPages() * uint64(os.Getpagesize())}
}

// hostLimits are what the machine allows the server.
type hostLimits struct {
	known              bool
	diskFree, diskSize uint64 // bytes, of the data folder's file system
	files              uint64 // descriptors that the process may open
	receive, send      int    // net.core.rmem_max and wmem_max, bytes
	gso                bool   // the kernel has UDP_SEGMENT
}

// udpBuffer is the receive buffer that a UDP socket really gets here when it asks for want bytes.
func udpBuffer(want int) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, want) // told by what it is then
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return got / 2 // socket(7): the kernel doubles what was asked for
}

func readHost(dir string) hostLimits {
	h := hostLimits{known: true, receive: sysctl("net/core/rmem_max"), send: sysctl("net/core/wmem_max")}
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) == nil {
		h.diskFree, h.diskSize = fs.Bavail*uint64(fs.Bsize), fs.Blocks*uint64(fs.Bsize)
	}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		h.files = files.Cur
	}
	if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		h.gso = err == nil
		unix.Close(fd)
	}
	return h
}

// sysctl reads a number below /proc/sys; 0 where it cannot.
func sysctl(name string) int {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}
