package sfu

import (
	"unsafe"

	"switchyard/media"
	"switchyard/media/prefetch"
)

// timers are the links of a shard by when they want a turn, the earliest first: a heap whose entries hold the time
// themselves, since what stands in a link is cold memory.
type timers []timer

type timer struct {
	at   media.Time // never later than the link's deadline
	link *Link
}

// next is when to look again: the link's own deadline may be later.
func (t timers) next() media.Time {
	if len(t) == 0 {
		return media.Never
	}
	return t[0].at
}

// setDeadline says when the link wants its next turn. A later time than before only replaces the entry when
// that comes to the top: reports put deadlines off, thousands of times a second.
func (l *Link) setDeadline(t media.Time) {
	l.deadline = t
	if i := l.heapAt; i >= 0 && t < l.shard.timers[i].at {
		l.shard.timers[i].at = t
		l.shard.timers.up(i)
	}
}

// due returns the link whose deadline has passed, nil when there is none.
func (t timers) due(now media.Time) *Link {
	for t.next() <= now {
		l := t[0].link
		if l.deadline <= now {
			return l
		}
		t[0].at = l.deadline
		t.down(0)
	}
	return nil
}

// fetch fetches what may be due after the first.
func (t timers) fetch() {
	for i := 1; i < len(t) && i < 3; i++ {
		prefetch.Lines(unsafe.Pointer(t[i].link), reportLines)
	}
}

func (t *timers) add(l *Link) {
	l.heapAt = len(*t)
	*t = append(*t, timer{l.deadline, l})
	t.up(l.heapAt)
}

func (t *timers) remove(l *Link) {
	i, last := l.heapAt, len(*t)-1
	if i < 0 {
		return
	}
	t.swap(i, last)
	(*t)[last] = timer{}
	*t = (*t)[:last]
	l.heapAt = -1
	if i < last {
		t.down(i)
		t.up(i)
	}
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].link.heapAt, t[j].link.heapAt = i, j
}

func (t timers) up(i int) {
	for i > 0 {
		above := (i - 1) / 2
		if t[above].at <= t[i].at {
			return
		}
		t.swap(i, above)
		i = above
	}
}

func (t timers) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(t) {
			return
		}
		if other := least + 1; other < len(t) && t[other].at < t[least].at {
			least = other
		}
		if t[i].at <= t[least].at {
			return
		}
		t.swap(i, least)
		i = least
	}
}
