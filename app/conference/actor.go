package conference

import (
	"log/slog"
	"time"

	"switchyard/api"
	"switchyard/engine/room"
	"switchyard/engine/router"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/ws"
)

// speakEvery is how often speakers are ranked while somebody is loud.
const speakEvery = 200 * time.Millisecond

// actor is a room's goroutine and what it owns. It ends when the room closes.
type actor struct {
	host *Host
	name string
	log  *slog.Logger
	box  *mailbox

	opened time.Time

	// Owned by the goroutine.
	room     *room.Room
	settings settings
	conns    map[room.Conn]ws.Conn
	links    map[room.ID]*link
	subs     map[room.ID]*subscription
	tracks   map[protocol.TrackID]*published
	backups  map[protocol.TrackID]*published // by the backup's id
	demands  map[protocol.TrackID]*demand    // of video; absent until somebody's need is known
	visits   map[room.ID]*Visit
	watches  map[room.ID]*watch // sessions that want to know how their link does
	watchAt  time.Time          // when to look again; zero while nobody wants to know
	askAt    time.Time          // when to ask for a backup again; zero while none is missing
	ranking  router.Ranking
	rankAt   time.Time                // when to rank again; zero while all are quiet
	speaking []protocol.ParticipantID // the ranking that was routed last
	routing  bool                     // routes are to be computed
	routeAt  time.Time                // not before
}

// subscription is what a session receives. It outlives the session's link, so that generations grow.
type subscription struct {
	router.State
	need   router.Need
	slots  map[string]protocol.Slot // as last told, by MID
	fed    map[string]*encoding     // what feeds them, by MID
	shown  map[string]sfu.View      // video slots as the link knows them, by MID
	hidden bool                     // a viewer without a socket: nobody to tell
}

func newActor(h *Host, name string, o settings) *actor {
	a := &actor{
		host: h, name: name, log: h.cfg.Log.With("room", name), box: newMailbox(),
		room:  room.New(name, h.cfg.Room, time.Now()),
		conns: map[room.Conn]ws.Conn{}, links: map[room.ID]*link{}, subs: map[room.ID]*subscription{},
		tracks: map[protocol.TrackID]*published{}, backups: map[protocol.TrackID]*published{}, visits: map[room.ID]*Visit{},
		demands: map[protocol.TrackID]*demand{}, watches: map[room.ID]*watch{},
		opened: time.Now(), settings: o,
	}
	a.room.Configure(a.opened, o.effective())
	return a
}

// call runs f in the actor and waits for it; false when the room is gone.
func (a *actor) call(f func(now time.Time)) bool {
	done := make(chan struct{})
	ok := a.box.post(func() {
		defer close(done)
		f(time.Now())
	})
	if ok {
		<-done
	}
	return ok
}

// run is the actor's loop.
func (a *actor) run() {
	a.log.Debug("room opened")
	a.tell(api.Event{Type: api.RoomOpened})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.box.ready:
		case <-timer.C:
		}
		a.turn()
		if a.room.Closed() && a.host.retire(a) {
			a.end()
			return
		}
		timer.Reset(a.wait())
	}
}

// turn takes all mail, then does what follows from it.
func (a *actor) turn() {
	funcs, levels := a.box.take()
	for _, f := range funcs {
		f()
		a.perform() // in order: what one message causes precedes what the next does
	}
	now := time.Now()
	a.hear(now, levels)
	a.room.Advance(now)
	a.perform()
	a.askAgain(now)
	a.route(now)
	a.tellLess(now)
	a.look(now)
	a.perform()
}

// wait is how long nothing happens by itself.
func (a *actor) wait() time.Duration {
	next := a.room.Deadline()
	for _, t := range []time.Time{a.rankAt, a.pendingRoute(), a.lessAt(), a.watchAt, a.askAt} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(0, time.Until(next))
}

func (a *actor) pendingRoute() time.Time {
	if a.routing {
		return a.routeAt
	}
	return time.Time{}
}

// end lets go of what is left when the room is over.
func (a *actor) end() {
	for id := range a.links {
		a.closeLink(id)
	}
	for _, c := range a.conns {
		c.Hangup()
	}
	a.log.Debug("room closed")
}

// perform does what the room asks for.
func (a *actor) perform() {
	for _, o := range a.room.Outputs() {
		switch o := o.(type) {
		case room.Send:
			if c := a.conns[o.Conn]; c != nil {
				c.Send(o.Envelope)
			}
		case room.Hangup:
			if c := a.conns[o.Conn]; c != nil {
				c.Hangup()
				delete(a.conns, o.Conn)
			}
		case room.AnswerOffer:
			a.answer(o)
		case room.CloseLink:
			a.closeLink(o.Session)
			a.closeVisit(o.Session)
		case room.PublishTrack:
			a.publish(o)
		case room.UnpublishTrack:
			a.unpublish(o.Track)
		case room.WatchLink:
			a.watch(o)
		default:
			a.report(o)
		}
	}
	a.routing = a.room.Rerouted() || a.routing
}
