//go:build linux

// Command shaper is a bad wire: it stands between two network interfaces and carries Ethernet frames from
// each to the other, late, slowly, and not all of them. Scenarios put it between two namespaces, since a
// kernel need not have netem. What an end leaves to its device to be cut travels and is lost as one, and counts as the frames that a
// device would make of it.
//
//	shaper --a IFACE --b IFACE [--seed N]
//	shaper --plain IFACE                      an end of the wire: no frames larger than the wire's
//
// A line of JSON on its input sets both directions: {"ab":{"rate":300000,"queue":200,"delay":50,"loss":0.05},
// "ba":{}}, with the rate in bit/s (0: unlimited), the queue in ms of that rate (0: 100), the delay in ms and
// the loss as a share. Each line, an empty one too, is answered by a line of what was carried so far. It
// ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	a, b := flag.String("a", "", "one interface"), flag.String("b", "", "the other")
	seed := flag.Uint64("seed", 1, "of what is lost")
	end := flag.String("plain", "", "only make this interface send frames as they are on a wire")
	flag.Parse()
	if *end != "" {
		if err := plain(*end); err != nil {
			fmt.Fprintln(os.Stderr, "shaper:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*a, *b, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "shaper:", err)
		os.Exit(1)
	}
}

func run(a, b string, seed uint64) error {
	from, err := open(a)
	if err != nil {
		return err
	}
	to, err := open(b)
	if err != nil {
		return err
	}
	ab, ba := newPipe(from, to, seed), newPipe(to, from, seed+1)
	for _, p := range []*pipe{ab, ba} { // they end with the process
		go p.read()
		go p.write()
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if text := lines.Bytes(); len(text) > 0 {
			set := struct{ AB, BA conditions }{}
			if err := json.Unmarshal(text, &set); err != nil {
				return err
			}
			ab.set(set.AB)
			ba.set(set.BA)
		}
		if err := out.Encode(map[string]carried{"ab": ab.carried(), "ba": ba.carried()}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// open returns a packet socket that sees what arrives at an interface, whomever it is for.
func open(name string) (fd int, err error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	const all = uint16(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8) // in network order
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return 0, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return 0, err
	}
	// Each frame has a header of what is left to the device, which goes on with it.
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		return 0, fmt.Errorf("packet socket: offloads: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 16<<20)
	everything := unix.PacketMreq{Ifindex: int32(iface.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &everything); err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: iface.Index})
}
