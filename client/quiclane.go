package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// laneHead is the length of a message's length.
const laneHead = 4

// quicLane is a lane on a QUIC connection of its own: one stream both ways, each message behind its length in 4 bytes.
type quicLane struct {
	// Immutable.
	l      *Link
	conn   *quic.Conn
	stream *quic.Stream
	number int

	sending sync.Mutex
	head    [laneHead]byte // guarded by sending

	receiving sync.Mutex
	in        *bufio.Reader // guarded by receiving, as all below
	frame     []byte        // the message that is being received, behind its length
	fill      int           // bytes of it that are there
	failed    error         // what Receive says from now on
}

func (c *quicLane) Send(ctx context.Context, m []byte) error {
	if len(m) > MaxLaneMessage {
		return ErrLaneMessage
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx.Done() != nil { // half a message would spoil what comes after it
		stop := context.AfterFunc(ctx, func() { c.stream.CancelWrite(0) })
		defer stop()
	}
	binary.BigEndian.PutUint32(c.head[:], uint32(len(m)))
	_, err := c.stream.Write(c.head[:])
	if err == nil {
		_, err = c.stream.Write(m)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.why(err)
}

// why says how the lane ended; io.EOF when the other end closed it.
func (c *quicLane) why(err error) error {
	if broken := c.l.Err(); broken != nil && !errors.Is(broken, ErrLinkClosed) {
		return broken
	}
	if app, ok := errors.AsType[*quic.ApplicationError](err); ok && app.Remote && app.ErrorCode == quicClosed {
		return io.EOF
	}
	if c.l.Err() != nil {
		return io.EOF
	}
	return err
}

func (c *quicLane) Receive(ctx context.Context) ([]byte, error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.failed != nil {
		return nil, c.failed
	}
	if ctx.Done() != nil {
		defer whenDone(ctx, func() { _ = c.stream.SetReadDeadline(time.Now()) }, func() { _ = c.stream.SetReadDeadline(time.Time{}) })()
	}
	m, err := c.read()
	switch {
	case err == nil:
		return m, nil
	case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ctx.Err() // the next Receive goes on where this one was
	}
	c.failed = c.why(err)
	return nil, c.failed
}

// whenDone calls f when ctx ends, until stop is called; then undo, where f was.
func whenDone(ctx context.Context, f, undo func()) (stop func()) {
	called := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { f(); close(called) })
	return func() {
		if !cancel() {
			<-called
			undo()
		}
	}
}

// read reads the rest of a message.
func (c *quicLane) read() ([]byte, error) {
	if c.frame == nil {
		c.frame = make([]byte, laneHead+MaxLaneMessage)
	}
	for need := laneHead; ; {
		if c.fill >= laneHead {
			n := binary.BigEndian.Uint32(c.frame)
			if n > MaxLaneMessage {
				c.stream.CancelRead(0)
				return nil, ErrLaneMessage
			}
			need = laneHead + int(n)
		}
		if c.fill == need {
			c.fill = 0
			return c.frame[laneHead:need], nil
		}
		n, err := c.in.Read(c.frame[c.fill:need])
		c.fill += n
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) && c.fill > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Close ends the lane behind what was sent.
func (c *quicLane) Close() error { return c.stream.Close() }

// finish ends the lane, waits until the other end did so too or ctx ends, and closes the connection.
func (c *quicLane) finish(ctx context.Context) {
	_ = c.stream.Close()
	_ = c.stream.SetReadDeadline(time.Now()) // a Receive that waits ends
	c.receiving.Lock()
	if c.failed == nil {
		c.failed = io.ErrClosedPipe
	}
	_ = c.stream.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetReadDeadline(time.Now()) })
	_, _ = io.Copy(io.Discard, c.stream)
	stop()
	c.receiving.Unlock()
	_ = c.conn.CloseWithError(quicClosed, "")
}
