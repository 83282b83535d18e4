package doctor

import (
	"net"

	"golang.org/x/sys/unix"
)

// dontFragment sets DF, and makes the kernel send what it believes too large: it is the path that is
// asked (ip(7), IP_PMTUDISC_PROBE).
func dontFragment(conn *net.UDPConn, six bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		if six {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
			return
		}
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	})
	if err != nil {
		return err
	}
	return set
}
