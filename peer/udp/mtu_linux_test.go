package udp

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// narrowed takes the test's thread to a network of its own, whose only path has a small MTU.
func narrowed(t *testing.T, mtu uint32) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		t.Skip("a network of its own needs CAP_SYS_ADMIN")
	} else if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint32(mtu)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, lo); err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}

func TestPathWithSmallMTU(t *testing.T) {
	for _, o := range []Options{{}, {NoGSO: true}, {NoGSO: true, NoMmsg: true}} {
		t.Run("", func(t *testing.T) {
			narrowed(t, 1000)
			s, peer := listen(t, "127.0.0.1:0", o), listen(t, "127.0.0.1:0", Options{})
			w := s.NewWriter()
			for range 3 {
				w.Reserve(1200)
				w.Commit(peer.LocalAddr(), netip.Addr{}, 1200)
			}
			w.Flush()
			d := make([]Datagram, 4)
			for i := range d {
				d[i].Buf = make([]byte, 2000)
			}
			for got := 0; got < 3; {
				n, err := peer.ReadBatch(d, time.Now().Add(patience))
				if err != nil || n == 0 {
					t.Fatalf("%d of 3 came: %v; sent %+v", got, err, s.Stats())
				}
				for _, d := range d[:n] {
					if d.N != 1200 {
						t.Errorf("%d bytes", d.N)
					}
				}
				got += n
			}
			if st := s.Stats(); st.Sent != 3 || st.TooLong != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
