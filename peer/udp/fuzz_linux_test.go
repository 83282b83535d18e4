//go:build linux

package udp

import (
	"net/netip"
	"testing"
)

// FuzzPktinfo: whatever stands in the control messages, nothing is read outside of them.
func FuzzPktinfo(f *testing.F) {
	var c control
	f.Add(append([]byte(nil), c.b[:putPktinfo(&c, netip.MustParseAddr("192.0.2.1"), false)]...))
	f.Add(append([]byte(nil), c.b[:putPktinfo(&c, netip.MustParseAddr("2001:db8::1"), true)]...))
	f.Add(append([]byte(nil), c.b[:putSegment(&c, 0, 1200)]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var aligned control // as the kernel writes it
		n := copy(aligned.b[:], b)
		ip := parsePktinfo(aligned.b[:n])
		if ip.IsValid() && ip.Is4In6() {
			t.Fatalf("%v is in mapped form", ip)
		}
	})
}
