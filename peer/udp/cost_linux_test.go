package udp

import (
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BenchmarkSingle is what the kernel takes for one packet of 860 bytes to each of 400 destinations, which get it and read
// it later, and whether anything that a socket can be set to changes that.
func BenchmarkSingle(b *testing.B) {
	option := func(level, name int) func(testing.TB, int) {
		return func(t testing.TB, fd int) {
			if err := unix.SetsockoptInt(fd, level, name, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, addr string
		set        func(testing.TB, int)
		flags      uintptr
	}{
		{name: "any address, which is told with each", addr: "0.0.0.0:0"},
		{name: "dual stack", addr: "[::]:0"},
		{name: "one address", addr: "127.0.0.1:0"},
		{name: "no checksum", addr: "127.0.0.1:0", set: option(unix.SOL_SOCKET, unix.SO_NO_CHECK)},
		{name: "no route", addr: "127.0.0.1:0", set: option(unix.SOL_SOCKET, unix.SO_DONTROUTE)},
		{name: "no confirmation of neighbours", addr: "127.0.0.1:0", flags: unix.MSG_CONFIRM},
		{name: "no copy", addr: "127.0.0.1:0", set: option(unix.SOL_SOCKET, unix.SO_ZEROCOPY), flags: unix.MSG_ZEROCOPY},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := listen(b, c.addr, Options{})
			if c.set != nil {
				_ = s.raw.control(func(fd uintptr) { c.set(b, int(fd)) })
			}
			r := newReceivers(b)
			w := s.NewWriter()
			for b.Loop() {
				for _, to := range r.to {
					w.Reserve(860)
					w.Commit(to, v4, 860)
				}
				for i := range w.n {
					w.setControl(i, true)
				}
				_ = s.raw.control(func(fd uintptr) { sendAllWith(b, w, fd, c.flags) })
				w.n, w.off, w.growing = 0, 0, false
				b.StopTimer()
				_ = s.raw.control(func(fd uintptr) { forgetErrors(int(fd)) })
				r.drain()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(r.to)), "ns/packet")
		})
	}
	b.Run("a connected socket for each", func(b *testing.B) {
		r := newReceivers(b)
		packet := make([]byte, 860)
		var fds []int
		for _, to := range r.to {
			fd, err := open(netip.MustParseAddrPort("127.0.0.1:0"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = unix.Close(fd) })
			if err := unix.Connect(fd, sockaddrOf(to)); err != nil {
				b.Fatal(err)
			}
			fds = append(fds, fd)
		}
		for b.Loop() {
			for _, fd := range fds {
				if _, err := unix.Write(fd, packet); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			r.drain()
			b.StartTimer()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(fds)), "ns/packet")
	})
}

func sendAllWith(b *testing.B, w *Writer, fd, flags uintptr) {
	for i := 0; i < w.n; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.msgs[i])), uintptr(w.n-i), flags, 0, 0)
		if errno != 0 {
			b.Fatal(errno)
		}
		i += int(n)
	}
}

// forgetErrors takes what the kernel tells of buffers that it has done with.
func forgetErrors(fd int) {
	control := make([]byte, 256)
	for {
		if _, _, _, _, err := unix.Recvmsg(fd, nil, control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

// receivers are 400 sockets.
type receivers struct {
	fds []int
	to  []netip.AddrPort
	buf []byte
}

func newReceivers(t testing.TB) *receivers {
	r := &receivers{buf: make([]byte, 2048)}
	for range 400 {
		s := listen(t, "127.0.0.1:0", Options{Buffer: 1 << 16})
		_ = s.raw.control(func(fd uintptr) { r.fds = append(r.fds, int(fd)) })
		r.to = append(r.to, s.LocalAddr())
	}
	return r
}

func (r *receivers) drain() {
	for _, fd := range r.fds {
		for {
			if _, _, err := unix.Recvfrom(fd, r.buf, unix.MSG_DONTWAIT); err != nil {
				break
			}
		}
	}
}
