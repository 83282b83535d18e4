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
)

const (
	laneHead = 4 // bytes of a message's length
	// laneBuffer is what is read ahead of a message: the length of the next one. More would be copied twice.
	laneBuffer = 512
)

// laneStream is a stream both ways of QUIC or of WebTransport.
type laneStream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	stopWriting()
	stopReading()
	// closed tells whether an error means that the other end closed the connection as it should.
	closed(err error) bool
	// finish ends the connection behind the stream, where that is the only one.
	finish()
}

// streamLane is a lane on a stream: each message behind its length in 4 bytes.
type streamLane struct {
	// Immutable.
	l      *Link
	stream laneStream
	number int

	sending sync.Mutex
	head    [laneHead]byte // guarded by sending

	receiving sync.Mutex
	in        frameReader // guarded by receiving, as all below
	failed    error       // what Receive says from now on
}

func newStreamLane(l *Link, stream laneStream, n int) *streamLane {
	return &streamLane{l: l, stream: stream, number: n, in: frameReader{r: bufio.NewReaderSize(stream, laneBuffer)}}
}

// greet tells the other end a lane's number, which says it back.
func greet(ctx context.Context, stream laneStream, n byte) error {
	defer whenDone(ctx, func() { _ = stream.SetReadDeadline(time.Now()) }, func() {})()
	said := [1]byte{n}
	if _, err := stream.Write(said[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(stream, said[:]); err != nil {
		return err
	}
	if said[0] != n {
		return ErrLanes
	}
	return nil
}

// welcome takes the number of a lane that the other end opened.
func welcome(stream laneStream) (n int, err error) {
	_ = stream.SetReadDeadline(time.Now().Add(quicPatience))
	var said [1]byte
	if _, err := io.ReadFull(stream, said[:]); err != nil {
		return 0, err
	}
	_ = stream.SetReadDeadline(time.Time{})
	if said[0] >= MaxLanes {
		return 0, ErrLanes
	}
	_, err = stream.Write(said[:])
	return int(said[0]), err
}

// frameReader cuts a stream into messages. A read that was interrupted goes on where it was.
type frameReader struct {
	r    io.Reader
	buf  []byte // the message that is being read, behind its length
	fill int    // bytes of it that are there
}

func (c *streamLane) Send(ctx context.Context, m []byte) error {
	if len(m) > MaxLaneMessage {
		return ErrLaneMessage
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx.Done() != nil { // half a message would spoil what comes after it
		stop := context.AfterFunc(ctx, func() { c.stream.stopWriting() })
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
func (c *streamLane) why(err error) error {
	if broken := c.l.Err(); broken != nil && !errors.Is(broken, ErrLinkClosed) {
		return broken
	}
	if c.stream.closed(err) {
		return io.EOF
	}
	if c.l.Err() != nil {
		return io.EOF
	}
	return err
}

func (c *streamLane) Receive(ctx context.Context) ([]byte, error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.failed != nil {
		return nil, c.failed
	}
	if ctx.Done() != nil {
		defer whenDone(ctx, func() { _ = c.stream.SetReadDeadline(time.Now()) }, func() { _ = c.stream.SetReadDeadline(time.Time{}) })()
	}
	m, err := c.in.next()
	switch {
	case err == nil:
		return m, nil
	case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ctx.Err() // the next Receive goes on where this one was
	}
	if errors.Is(err, ErrLaneMessage) {
		c.stream.stopReading()
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

// next reads the next message, which is valid until the next call. ErrLaneMessage where it is too large.
func (f *frameReader) next() ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, laneHead+MaxLaneMessage)
	}
	for need := laneHead; ; {
		if f.fill >= laneHead {
			n := binary.BigEndian.Uint32(f.buf)
			if n > MaxLaneMessage {
				return nil, ErrLaneMessage
			}
			need = laneHead + int(n)
		}
		if f.fill == need {
			f.fill = 0
			return f.buf[laneHead:need], nil
		}
		n, err := f.r.Read(f.buf[f.fill:need])
		f.fill += n
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) && f.fill > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Close ends the lane behind what was sent.
func (c *streamLane) Close() error { return c.stream.Close() }

// finish ends the lane, waits until the other end did so too or ctx ends, and closes the connection.
func (c *streamLane) finish(ctx context.Context) {
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
	c.stream.finish()
}
