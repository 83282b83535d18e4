//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of SIOCETHTOOL (linux/ethtool.h) that turn a feature on or off.
var offloads = []uint32{
	0x17, // ETHTOOL_STXCSUM: checksums by the device; segmentation falls with it
	0x1f, // ETHTOOL_STSO
	0x24, // ETHTOOL_SGSO
	0x2c, // ETHTOOL_SGRO
}

// plain makes an interface send frames as they are on a wire: checksummed, none larger than the MTU.
func plain(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, command := range offloads {
		value := struct{ command, data uint32 }{command, 0}
		var request struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte // the kernel's ifreq has room for an address
		}
		copy(request.name[:unix.IFNAMSIZ-1], name)
		request.data = unsafe.Pointer(&value)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return fmt.Errorf("%s: feature %#x: %w", name, command, errno)
		}
	}
	return nil
}

const (
	offloadHeader = 10 // struct virtio_net_hdr (linux/virtio_net.h), in the machine's byte order
	offloadECN    = 0x80
)

// onWire says what a device makes of a frame with an offload header before it: so many frames, of so many bytes together.
func onWire(frame []byte) (frames, bytes int) {
	if len(frame) < offloadHeader {
		return 1, len(frame)
	}
	bytes = len(frame) - offloadHeader
	segment := int(binary.NativeEndian.Uint16(frame[4:]))
	if frame[1]&^offloadECN == 0 || segment == 0 {
		return 1, bytes
	}
	header := headers(frame[offloadHeader:])
	frames = max(1, (bytes-header+segment-1)/segment)
	return frames, bytes + (frames-1)*header
}

// headers is how many bytes of an Ethernet frame with TCP or UDP over IPv4 come before the data.
func headers(frame []byte) int {
	ip := etherHeader + 20
	if len(frame) > etherHeader {
		ip = etherHeader + int(frame[etherHeader]&15)*4
	}
	if len(frame) > ip+12 && frame[etherHeader+9] == unix.IPPROTO_TCP {
		return ip + int(frame[ip+12]>>4)*4
	}
	return ip + udpHeader
}
