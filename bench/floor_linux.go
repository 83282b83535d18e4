package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// FloorResult is what the kernel and AES cost alone, in microseconds of CPU per packet.
type FloorResult struct {
	Destinations int     `json:"destinations"`
	Packet       int     `json:"packet"`  // bytes
	Batch        int     `json:"batch"`   // packets of one GSO message
	Packets      uint64  `json:"packets"` // sent
	PerPacket    float64 `json:"cpuPerPacket"`
	SealOnly     float64 `json:"sealPerPacket"` // of it, for AES-128-GCM
}

// Floor seals and sends packets to loopback sockets that nobody reads, as fast as it can: batch
// packets to each destination as one UDP GSO message. It is the least that forwarding can cost here.
func Floor(ctx context.Context, destinations, packet, batch int, d time.Duration) (FloorResult, error) {
	r := FloorResult{Destinations: destinations, Packet: packet, Batch: batch}
	if destinations < 1 || batch < 1 || batch > 40 || packet < 64 || packet*batch > 60000 {
		return r, fmt.Errorf("bench: %d packets of %d bytes do not make a GSO message", batch, packet)
	}
	f, err := newFloor(destinations, packet, batch)
	if err != nil {
		return r, err
	}
	defer f.close()
	r.SealOnly, _, err = f.loop(ctx, d/4, false)
	if err != nil {
		return r, err
	}
	r.PerPacket, r.Packets, err = f.loop(ctx, d, true)
	return r, err
}

type floor struct {
	aead          cipher.AEAD
	sock          *net.UDPConn
	sinks         []*net.UDPConn
	to            []unix.Sockaddr
	packet, batch int
	plain, buf    []byte
	oob           []byte
	nonce         [12]byte
	n             uint64
}

func newFloor(destinations, packet, batch int) (*floor, error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return nil, err
	}
	f := &floor{packet: packet, batch: batch, plain: make([]byte, packet-12-16), buf: make([]byte, 0, packet*batch)}
	if f.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	loopback := net.IPv4(127, 0, 0, 1)
	if f.sock, err = net.ListenUDP("udp4", &net.UDPAddr{IP: loopback}); err != nil {
		return nil, err
	}
	for range destinations {
		sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback})
		if err != nil {
			f.close()
			return nil, err
		}
		_ = sink.SetReadBuffer(1) // full at once: the kernel throws away what comes
		f.sinks = append(f.sinks, sink)
		f.to = append(f.to, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: sink.LocalAddr().(*net.UDPAddr).Port})
	}
	f.oob = make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(f.oob, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(f.oob[8:], unix.SOL_UDP)
	binary.NativeEndian.PutUint32(f.oob[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(f.oob[16:], uint16(packet))
	return f, nil
}

func (f *floor) close() {
	_ = f.sock.Close()
	for _, s := range f.sinks {
		_ = s.Close()
	}
}

// loop runs for d and returns microseconds of CPU per packet, and how many there were.
func (f *floor) loop(ctx context.Context, d time.Duration, send bool) (float64, uint64, error) {
	raw, err := f.sock.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	start, before := time.Now(), ownCPU()
	packets := uint64(0)
	for time.Since(start) < d && ctx.Err() == nil {
		for _, to := range f.to {
			f.seal()
			packets += uint64(f.batch)
			if !send {
				continue
			}
			var failed error
			err := raw.Write(func(fd uintptr) bool {
				failed = unix.Sendmsg(int(fd), f.buf, f.oob, to, 0)
				return failed != unix.EAGAIN
			})
			if err == nil {
				err = failed
			}
			if err != nil {
				return 0, 0, fmt.Errorf("bench: GSO send: %w", err)
			}
		}
	}
	return us(ownCPU()-before) / float64(packets), packets, ctx.Err()
}

// seal makes the next message: batch packets, each with a header of twelve bytes.
func (f *floor) seal() {
	f.buf = f.buf[:0]
	for range f.batch {
		f.n++
		binary.BigEndian.PutUint64(f.nonce[4:], f.n)
		header := len(f.buf)
		f.buf = append(f.buf, f.nonce[:]...)
		f.buf = f.aead.Seal(f.buf, f.nonce[:], f.plain, f.buf[header:header+12])
	}
}

// ownCPU is the CPU time of this process: the loop is all that runs.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
