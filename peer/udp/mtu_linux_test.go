package udp

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// alone marks the process that has a network of its own.
const alone = "SWITCHYARD_TEST_ALONE"

// TestPathWithSmallMTU runs the real test in a process with a network of its own. That needs root, or a kernel that
// allows user namespaces.
func TestPathWithSmallMTU(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestAlonePathWithSmallMTU$", "-test.v")
	cmd.Env = append(os.Environ(), alone+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestAlonePathWithSmallMTU")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// narrow gives the process's only path a small MTU.
func narrow(t *testing.T, mtu uint32) {
	t.Helper()
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

func TestAlonePathWithSmallMTU(t *testing.T) {
	if os.Getenv(alone) == "" {
		return // TestPathWithSmallMTU starts it
	}
	narrow(t, 1000)
	for _, o := range []Options{{}, {NoGSO: true}, {NoGSO: true, NoMmsg: true}} {
		t.Run("", func(t *testing.T) {
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
