package path

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// TestBurstsKeepOrderAndSizes sends DTLS records of many sizes and reads them back one by one.
func TestBurstsKeepOrderAndSizes(t *testing.T) {
	for _, single := range []bool{false, true} {
		a, b, _, _ := pair(t)
		a.out.single = a.out.single || single
		sizes := []int{1228, 1228, 1228, 400, 1228, 1228, 1000, 1400, 1228, 1200, 60, 60, 1228}
		const sent = 400
		record := func(i int) []byte {
			d := bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)])
			d[0] = 23
			binary.BigEndian.PutUint32(d[1:], uint32(i))
			return d
		}
		failed := make(chan error, 1)
		go func() {
			for i := range sent {
				if _, err := a.WriteToAddrPort(record(i), b.e.addr.AddrPort()); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
		buf := make([]byte, 2000)
		for i := range sent {
			_ = b.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, _, err := b.ReadFromAddrPort(buf)
			if err != nil || !bytes.Equal(buf[:n], record(i)) {
				t.Fatalf("record %d: %d bytes, %v", i, n, err)
			}
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

func TestABurstThatWaitsLeavesBeforeTheSocketCloses(t *testing.T) {
	a, b, _, _ := pair(t)
	last := datagram(21, 1)
	if _, err := a.WriteToAddrPort(last, b.e.addr.AddrPort()); err != nil {
		t.Fatal(err)
	}
	a.Close()
	buf := make([]byte, 2000)
	_ = b.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, _, err := b.ReadFromAddrPort(buf); err != nil || !bytes.Equal(buf[:n], last) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestBurstToTwoPlaces(t *testing.T) {
	a, b, _, _ := pair(t)
	c := open(t, a.n)
	for i := range 10 {
		for _, to := range []*socket{b, c} {
			if _, err := a.WriteToAddrPort(datagram(23, i), to.e.addr.AddrPort()); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := make([]byte, 2000)
	for i := range 10 {
		for _, at := range []*socket{b, c} {
			_ = at.SetReadDeadline(time.Now().Add(10 * time.Second))
			if n, _, err := at.ReadFromAddrPort(buf); err != nil || !bytes.Equal(buf[:n], datagram(23, i)) {
				t.Fatalf("record %d: %d bytes, %v", i, n, err)
			}
		}
	}
}

// FuzzBurst cuts a burst as the kernel does, and compares.
func FuzzBurst(f *testing.F) {
	f.Add([]byte{10, 10, 10, 3, 10}, false)
	f.Fuzz(func(t *testing.T, sizes []byte, single bool) {
		o := outgoing{}
		for _, size := range sizes {
			o.sizes = append(o.sizes, int(size)*40+1)
		}
		var got []int
		for rest := o; len(rest.sizes) > 0; {
			n, total := rest.alike(single)
			if n == 0 || total > maxMessage {
				t.Fatalf("%d datagrams of %d bytes", n, total)
			}
			first := rest.sizes[0]
			for left := total; left > 0; left -= first {
				got = append(got, min(first, left))
			}
			rest.sizes = rest.sizes[n:]
		}
		if len(got) != len(o.sizes) {
			t.Fatalf("%v becomes %v", o.sizes, got)
		}
		for i := range got {
			if got[i] != o.sizes[i] {
				t.Fatalf("%v becomes %v", o.sizes, got)
			}
		}
	})
}
