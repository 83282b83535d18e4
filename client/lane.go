package client

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// MaxLaneMessage is the largest message of a lane, in bytes.
const MaxLaneMessage = 65536

// MaxLanes bounds the lanes of one way.
const MaxLanes = 8

// Lane carries ordered, reliable messages of at most MaxLaneMessage bytes both ways (docs/transfer.md,
// Lanes). One goroutine may send while another receives.
type Lane = interface {
	// Send sends one message, whose bytes are the caller's again when it returns. It waits while the
	// way is full.
	Send(ctx context.Context, m []byte) error
	// Receive returns the next message, which is valid until the next Receive; io.EOF when the other end
	// closed the lane and everything before that was received.
	Receive(ctx context.Context) ([]byte, error)
	Close() error
}

// The errors of lanes.
var (
	ErrLaneMessage = errors.New("client: a lane's message has more than 65536 bytes")
	ErrLanes       = errors.New("client: the way has no more lanes")
)

// laneLabel begins the labels of DataChannels that are lanes.
const laneLabel = "lane-"

const (
	// channelRate and channelBase bound how many bytes a DataChannel holds that are not acknowledged: those of a
	// round trip at that rate (bytes a second), and what is sent before somebody wakes up. More would be dear: for
	// each acknowledgement pion looks at everything that is on the way.
	channelRate = 80_000_000
	channelBase = 512 << 10
	channelMost = 8 << 20
	// channelQueue bounds the messages that are received and not taken: while it is full SCTP's window closes.
	channelQueue = 64
	// lastWords is how long a way that closes waits for what is on the way: somebody may have pressed Ctrl-C.
	lastWords = 2 * time.Second
)

// channelLane is a lane on a DataChannel.
type channelLane struct {
	// Immutable.
	l      *Link
	d      *webrtc.DataChannel
	in     chan []byte
	low    chan struct{} // holds one: there may be room again
	open   chan struct{} // closed when it can send
	closed chan struct{} // closed when either end closed it
	once   sync.Once

	sending sync.Mutex // one Send at a time: they wait in order
}

// newChannelLane takes a channel from which nothing was read yet.
func newChannelLane(l *Link, d *webrtc.DataChannel) *channelLane {
	c := &channelLane{
		l: l, d: d, in: make(chan []byte, channelQueue), low: make(chan struct{}, 1),
		open: make(chan struct{}), closed: make(chan struct{}),
	}
	d.OnBufferedAmountLow(func() {
		select {
		case c.low <- struct{}{}:
		default:
		}
	})
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		select {
		case c.in <- m.Data:
		case <-c.closed:
		}
	})
	d.OnOpen(sync.OnceFunc(func() { close(c.open) }))
	d.OnClose(c.shut)
	return c
}

func (c *channelLane) shut() { c.once.Do(func() { close(c.closed) }) }

func (c *channelLane) Send(ctx context.Context, m []byte) error {
	if len(m) > MaxLaneMessage {
		return ErrLaneMessage
	}
	select {
	case <-c.open:
	case <-c.closed:
		return c.why()
	case <-c.l.gone:
		return c.why()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	for high := c.l.channelHigh(); c.d.BufferedAmount() > high; {
		c.d.SetBufferedAmountLowThreshold(high / 2)
		if c.d.BufferedAmount() <= high/2 {
			break // before the threshold was there
		}
		select {
		case <-c.low:
		case <-c.closed:
			return c.why()
		case <-c.l.gone:
			return c.why()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := c.d.Send(m); err != nil {
		return errors.Join(c.why(), err)
	}
	return nil
}

// channelHigh is how many bytes a channel of this link may hold.
func (l *Link) channelHigh() uint64 {
	rtt := time.Duration(l.rtt.Load())
	if rtt <= 0 {
		return channelMost // not known
	}
	return min(channelBase+uint64(rtt.Seconds()*channelRate), channelMost)
}

// why says how the lane ended: io.EOF when the other end closed it.
func (c *channelLane) why() error {
	if err := c.l.Err(); err != nil && !errors.Is(err, ErrLinkClosed) {
		return err
	}
	return io.EOF
}

func (c *channelLane) Receive(ctx context.Context) ([]byte, error) {
	select {
	case m := <-c.in:
		return checkMessage(m)
	default:
	}
	select {
	case m := <-c.in:
		return checkMessage(m)
	case <-c.closed:
	case <-c.l.gone: // what came before is still on its way out of SCTP, which closes the channel behind it
		select {
		case m := <-c.in:
			return checkMessage(m)
		case <-c.closed:
		case <-time.After(lastWords):
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case m := <-c.in: // it came before the end
		return checkMessage(m)
	default:
		return nil, c.why()
	}
}

func checkMessage(m []byte) ([]byte, error) {
	if len(m) > MaxLaneMessage {
		return nil, ErrLaneMessage
	}
	return m, nil
}

// Close ends the lane behind what was sent.
func (c *channelLane) Close() error {
	c.shut()
	return c.d.Close()
}

// laneNumber is the number in a channel's label.
func laneNumber(label string) (int, bool) {
	digits, ok := strings.CutPrefix(label, laneLabel)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && n < MaxLanes && strconv.Itoa(n) == digits
}

// finish waits until the other end has what was sent, or ctx ends.
func (c *channelLane) finish(ctx context.Context) {
	for c.d.BufferedAmount() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-c.closed:
			return
		case <-time.After(2 * time.Millisecond): // there is no word for it at 0
		}
	}
}
