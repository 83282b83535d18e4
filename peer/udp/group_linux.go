package udp

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// slowGap is how long what may wait does so at the most, while there is much of it.
const slowGap = 10 * time.Millisecond

// ListenGroup opens n sockets on one port, among which senders are spread by their address and port. What may wait is
// kept apart from the rest, and read every few milliseconds: receivers' reports (RFC 3550 §6.4.2) and their
// transport-wide or RFC 8888 feedback, which a server of many viewers gets one by one, thousands a second. Each would
// wake it up. What cannot wait, such as negative acknowledgements, is alone in its packet (RFC 5506) or travels in
// sender reports, and is read at once. Where the kernel cannot tell them apart, all is read at once.
func ListenGroup(addr netip.AddrPort, n int, o Options) ([]*Socket, error) {
	addr, err := free(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), o)
	if err != nil {
		return nil, err
	}
	o.ReusePort = true
	fds := make([]int, 0, 2*n)
	for range 2 * n { // in the order of the group: fast, slow, fast, slow
		fd, err := open(addr, o)
		if err != nil {
			closeAll(fds)
			return nil, fmt.Errorf("udp: listen on %v: %w", addr, err)
		}
		fds = append(fds, fd)
	}
	if o.NoSlow || steer(fds[0], n) != nil {
		for i := 1; i < len(fds); i += 2 {
			closeAll(fds[i : i+1])
			fds[i] = -1
		}
	}
	var group []*Socket
	for i := 0; i < len(fds); i += 2 {
		s, err := newSocket(fds[i], fds[i+1], addr, o)
		if err != nil {
			closeAll(fds[i+2:])
			for _, other := range group {
				_ = other.Close()
			}
			return nil, err
		}
		group = append(group, s)
	}
	return group, nil
}

// free finds out whether nobody else has the port, which sharing it would hide, and chooses one for port 0.
func free(addr netip.AddrPort, o Options) (netip.AddrPort, error) {
	s, err := Listen(addr, Options{Buffer: o.Buffer})
	if err != nil {
		return addr, err
	}
	return netip.AddrPortFrom(addr.Addr(), s.LocalAddr().Port()), s.Close()
}

// Offsets behind SKF_NET_OFF of what tells senders apart.
const (
	sourceV4, portV4 = 12, 20 // IPv4 without options
	sourceV6, portV6 = 20, 40 // the last four bytes; without extension headers
)

// steer attaches a program that chooses a socket of the group for each datagram.
func steer(fd, n int) error {
	program := steering(n)
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// steering returns the program: 2 * (hash of the sender % n), and one more for what may wait. It sees the payload, and
// what stands before it behind SKF_NET_OFF. Where it reads beyond a datagram's end, it chooses 0.
func steering(n int) []unix.SockFilter {
	const net = 1<<32 - 0x100000 // SKF_NET_OFF of linux/filter.h
	op := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	jump := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	const (
		loadByte = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		loadWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		set      = unix.BPF_LD | unix.BPF_IMM
		store    = unix.BPF_ST
		fetch    = unix.BPF_LD | unix.BPF_MEM
		toX      = unix.BPF_MISC | unix.BPF_TAX
		alu      = unix.BPF_ALU | unix.BPF_K
		aluX     = unix.BPF_ALU | unix.BPF_X
		ret      = unix.BPF_RET | unix.BPF_A
	)
	return []unix.SockFilter{
		op(set, 0), op(store, 0), // M[0] = 0: it cannot wait
		op(loadByte, 0), op(alu|unix.BPF_AND, 0xc0), jump(0x80, 0, 9), // RTP and RTCP (RFC 7983)
		op(loadByte, 1), jump(201, 5, 0), jump(205, 0, 6), // RR; RTPFB
		op(loadByte, 0), op(alu|unix.BPF_AND, 0x1f), jump(15, 1, 0), jump(11, 0, 2), // transport-wide; RFC 8888
		op(set, 1), op(store, 0),
		op(loadByte, net), op(alu|unix.BPF_RSH, 4), jump(6, 4, 0),
		op(loadWord, net+sourceV4), op(toX, 0), op(loadHalf, net+portV4), jumpOver(3),
		op(loadWord, net+sourceV6), op(toX, 0), op(loadHalf, net+portV6),
		op(aluX|unix.BPF_ADD, 0), op(alu|unix.BPF_MUL, 0x9e3779b1), op(alu|unix.BPF_RSH, 16), op(alu|unix.BPF_MOD, uint32(n)),
		op(alu|unix.BPF_LSH, 1), op(toX, 0), op(fetch, 0), op(aluX|unix.BPF_ADD, 0), op(ret, 0),
	}
}

func jumpOver(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: k}
}
