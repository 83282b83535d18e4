package server

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"switchyard/sfu"
)

// What one diagnostic link may do.
const (
	echoLife  = 30 * time.Second
	echoBytes = 32 << 20 // of answers
	echoHead  = 16       // bytes that an answer repeats; its least length
	echoMax   = 16 << 10 // bytes of an answer
)

var errEchoesFull = errors.New("server: too many diagnostic links at once")

// echoes makes diagnostic links and counts them.
type echoes struct {
	connect func(offer string, o sfu.LinkOptions) (*sfu.Link, string, error)
	life    time.Duration // of a link
	open    atomic.Int64

	opened, answered, refused atomic.Uint64
}

// echo is one diagnostic link: it answers messages by the rule of protocol.DoctorLink. What is no
// question, or more than it may answer, is counted and dropped.
type echo struct {
	of     *echoes
	link   atomic.Pointer[sfu.Link]
	timer  atomic.Pointer[time.Timer]
	budget int // owned by the link's shard: bytes that may still be sent
}

// diagnose answers an offer and lets the link live for a while.
func (e *echoes) diagnose(offer string) (string, error) {
	if e.open.Add(1) > doctorLinks {
		e.open.Add(-1)
		return "", errEchoesFull
	}
	one := &echo{of: e, budget: echoBytes}
	link, answer, err := e.connect(offer, sfu.LinkOptions{ID: "doctor", OnEvent: one.event, NoRecv: true, NoSend: true})
	if err != nil {
		e.open.Add(-1)
		return "", err
	}
	e.opened.Add(1)
	one.link.Store(link)
	one.timer.Store(time.AfterFunc(e.life, link.Close))
	return answer, nil
}

// event runs on the link's shard.
func (o *echo) event(ev sfu.Event) {
	switch ev := ev.(type) {
	case sfu.Data:
		answer := answerTo(ev.Payload, o.budget)
		link := o.link.Load()
		if answer == nil || link == nil {
			o.of.refused.Add(1)
			return
		}
		o.budget -= len(answer)
		o.of.answered.Add(1)
		link.SendData(ev.Label, answer, false)
	case sfu.Closed:
		o.of.open.Add(-1)
		if t := o.timer.Load(); t != nil {
			t.Stop()
		}
	}
}

// answerTo is the answer to a question; nil where it is none, or the answer is longer than budget.
func answerTo(question []byte, budget int) []byte {
	if len(question) < echoHead {
		return nil
	}
	size := binary.BigEndian.Uint32(question)
	if size < echoHead || size > echoMax || int(size) > budget {
		return nil
	}
	answer := make([]byte, size)
	copy(answer, question[:echoHead])
	return answer
}

func (e *echoes) samples() []Sample {
	const name, help = "doctor_messages", "Messages on diagnostic links, by what became of them."
	return []Sample{
		gauge("doctor_links", "Diagnostic links now.", e.open.Load()),
		total("doctor_links_opened", "Diagnostic links made.", e.opened.Load()),
		total(name, help, e.answered.Load()).by("result", "answered"),
		total(name, help, e.refused.Load()).by("result", "refused"),
	}
}
