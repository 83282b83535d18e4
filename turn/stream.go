package turn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	streamQueue     = 256 << 10        // bytes that wait for the network; what comes then is dropped
	streamIdle      = 30 * time.Second // without an allocation, how long nothing may come
	streamAllocated = 10 * time.Minute // with one, which itself lives no longer without a refresh
	streamFailures  = 32               // messages in a row that prove nothing
	streamWrite     = 10 * time.Second
)

var (
	errFrame    = errors.New("turn: neither STUN nor ChannelData, or longer than a datagram")
	errFailures = errors.New("turn: too many messages without credentials")
)

// stream is a client's TCP or TLS connection (RFC 8656 §3.1, RFC 8489 §6.2.2).
type stream struct {
	nc   net.Conn
	wake chan struct{} // capacity 1: there is something to write, or to end

	mu     sync.Mutex
	closed bool   // guarded by mu
	queue  []byte // guarded by mu
	ends   []int  // of the messages in queue; guarded by mu
}

// ServeStream takes over a connection of which nothing was read, and returns when it has ended.
func (s *Server) ServeStream(nc net.Conn) {
	st := &stream{nc: nc, wake: make(chan struct{}, 1)}
	if !s.enter(st) {
		_ = nc.Close()
		return
	}
	var wg sync.WaitGroup
	wg.Go(st.write)
	c := client{remote: addrPort(nc.RemoteAddr()), local: addrPort(nc.LocalAddr()).Addr(), stream: st}
	err := s.readStream(c)
	s.cfg.Log.Debug("turn: connection ended", "client", c.remote, "error", err)
	st.close()
	wg.Wait()
	s.leave(c)
}

func (s *Server) enter(st *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.streams) >= s.cfg.Streams && !s.evict(time.Now(), true) {
		s.counters.streamsRefused.Add(1)
		return false
	}
	s.streams[st] = struct{}{}
	s.counters.streams.Add(1)
	s.wg.Add(1)
	return true
}

// leave ends what the connection had (RFC 8656 §8.2: with the connection its allocation is gone).
func (s *Server) leave(c client) {
	s.mu.Lock()
	if a := s.byClient[c]; a != nil {
		s.end(a)
	}
	delete(s.streams, c.stream)
	s.mu.Unlock()
	s.counters.streams.Add(-1)
	s.wg.Done()
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// readStream answers message by message.
func (s *Server) readStream(c client) error {
	r := bufio.NewReaderSize(c.stream.nc, 4096)
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	idle, failures := streamIdle, 0
	for {
		if err := c.stream.nc.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		n, err := readMessage(r, buf[:])
		if err != nil {
			if errors.Is(err, errFrame) {
				s.counters.count(DropTooLong)
			}
			return err
		}
		failures++
		if s.receive(time.Now(), c, buf[:n], nil) {
			failures = 0
		} else if failures >= streamFailures {
			s.counters.count(DropFlood)
			return errFailures
		}
		idle = streamIdle
		if s.known(c) {
			idle = streamAllocated
		}
	}
}

// readMessage reads one message into b and returns its length, without ChannelData's padding (RFC 8656
// §12.5).
func readMessage(r io.Reader, b []byte) (int, error) {
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return 0, err
	}
	n := 4 + int(binary.BigEndian.Uint16(b[2:]))
	padded := n
	switch b[0] & 0xC0 {
	case 0x00:
		n += headerBytes - 4
		if padded = n; n%4 != 0 {
			return 0, errFrame
		}
	case 0x40:
		padded = (n + 3) &^ 3
	default:
		return 0, errFrame
	}
	if padded > len(b) {
		return 0, errFrame
	}
	_, err := io.ReadFull(r, b[4:padded])
	return n, err
}

// send queues a message, with the padding that ChannelData has on a connection; false when it is dropped.
func (st *stream) send(b []byte) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed || len(st.queue)+len(b)+3 > streamQueue {
		return false
	}
	st.queue = append(st.queue, b...)
	if pad := -len(b) & 3; pad > 0 {
		st.queue = append(st.queue, make([]byte, pad)...)
	}
	st.ends = append(st.ends, len(st.queue))
	select {
	case st.wake <- struct{}{}:
	default:
	}
	return true
}

// write gives what is queued to the network. It ends with close.
func (st *stream) write() {
	var spare []byte
	var spareEnds []int
	for range st.wake {
		st.mu.Lock()
		b, ends := st.queue, st.ends
		st.queue, st.ends = spare[:0], spareEnds[:0]
		closed := st.closed
		st.mu.Unlock()
		if closed {
			return
		}
		if err := st.writeAll(b, ends); err != nil {
			st.close()
		}
		if spare, spareEnds = b, ends; cap(b) > 64<<10 { // an idle connection keeps little memory
			spare, spareEnds = nil, nil
		}
	}
}

// writeAll writes message by message: there are clients that take a TLS record for a message.
func (st *stream) writeAll(b []byte, ends []int) error {
	from := 0
	for _, end := range ends {
		_ = st.nc.SetWriteDeadline(time.Now().Add(streamWrite)) // fails only when closed
		if _, err := st.nc.Write(b[from:end]); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// close ends the connection; what is queued is dropped.
func (st *stream) close() {
	st.mu.Lock()
	if st.closed {
		st.mu.Unlock()
		return
	}
	st.closed = true
	st.mu.Unlock()
	_ = st.nc.Close() // nothing depends on its last words
	select {
	case st.wake <- struct{}{}:
	default:
	}
}
