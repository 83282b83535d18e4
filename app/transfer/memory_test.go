package transfer

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"switchyard/engine/piece"
)

var errCut = errors.New("memory: cut")

// network is two ends of a way in memory, which can be cut after a number of messages and tampered with.
type network struct {
	lanes  int
	worth  func() int // in place of lanes, where it changes
	opened chan *pipe
	cut    chan struct{}
	once   sync.Once
	left   atomic.Int64 // messages until it is cut; below 0 it never is
	// tamper may change a message on its way, or swallow it by nil; toSink says where it goes.
	tamper func(lane int, toSink bool, m []byte) []byte
}

func newNetwork(lanes int) *network {
	n := &network{lanes: lanes, opened: make(chan *pipe, 64), cut: make(chan struct{})}
	n.left.Store(-1)
	return n
}

func (n *network) break_() { n.once.Do(func() { close(n.cut) }) }

// sender and receiver are the two ends.
func (n *network) sender() Way   { return &memoryWay{network: n, sends: true} }
func (n *network) receiver() Way { return &memoryWay{network: n} }

type memoryWay struct {
	*network
	sends bool
	count int
}

func (w *memoryWay) Open(ctx context.Context) (Lane, error) {
	p := &pipe{network: w.network, number: w.count}
	for i := range p.ways {
		p.ways[i] = make(chan []byte, 32)
		p.closed[i] = make(chan struct{})
	}
	w.count++
	select {
	case <-w.cut:
		return nil, errCut
	case w.opened <- p:
		return &memoryLane{pipe: p, side: 0}, nil
	}
}

func (w *memoryWay) Accept(ctx context.Context) (Lane, error) {
	select {
	case <-w.cut:
		return nil, errCut
	case <-ctx.Done():
		return nil, ctx.Err()
	case p := <-w.opened:
		return &memoryLane{pipe: p, side: 1}, nil
	}
}

func (w *memoryWay) Lanes() int {
	if w.worth != nil {
		return w.worth()
	}
	return w.lanes
}

func (w *memoryWay) Kind() string { return "memory" }
func (w *memoryWay) Direct() bool { return true }
func (w *memoryWay) Close() error { w.break_(); return nil }

// pipe is one lane: ways[0] goes to the sink.
type pipe struct {
	*network
	number int
	ways   [2]chan []byte
	closed [2]chan struct{}
	shut   [2]sync.Once
}

type memoryLane struct {
	*pipe
	side int
}

func (l *memoryLane) Send(ctx context.Context, m []byte) error {
	if len(m) > piece.MaxMessage {
		return errors.New("memory: message of a size that no lane takes")
	}
	if n := l.left.Load(); n >= 0 && l.left.Add(-1) < 0 {
		l.left.Store(0)
		l.break_()
	}
	m = append([]byte{}, m...)
	if l.tamper != nil {
		if m = l.tamper(l.number, l.side == 0, m); m == nil {
			return nil
		}
	}
	select {
	case <-l.cut:
		return errCut
	default:
	}
	select {
	case l.ways[l.side] <- m:
		return nil
	case <-l.cut:
		return errCut
	case <-l.closed[1-l.side]:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *memoryLane) Receive(ctx context.Context) ([]byte, error) {
	select {
	case <-l.cut:
		return nil, errCut
	default:
	}
	select {
	case m := <-l.ways[1-l.side]:
		return m, nil
	default:
	}
	select {
	case m := <-l.ways[1-l.side]:
		return m, nil
	case <-l.cut:
		return nil, errCut
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed[1-l.side]:
		select {
		case m := <-l.ways[1-l.side]:
			return m, nil
		default:
			return nil, io.EOF
		}
	}
}

func (l *memoryLane) Close() error {
	l.shut[l.side].Do(func() { close(l.closed[l.side]) })
	return nil
}
