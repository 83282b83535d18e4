package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"switchyard/api"
	"switchyard/app/conference"
	"switchyard/engine/room"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/splice"
	"switchyard/signal/whip"
	"switchyard/signal/ws"
)

// relayFarewell is how long an end of a relay may take to hear that the server ends.
const relayFarewell = 2 * time.Second

// newBackend makes what serves rooms and media: an SFU on the media port, the rooms on it, and the
// signalling that leads into them.
func newBackend(s *Server) (*Backend, error) {
	relay, err := newRelay(s)
	if err != nil {
		return nil, err
	}
	forward, err := newSFU(s, relay)
	if err != nil {
		return nil, err
	}
	relay.start(forward)
	relays := splice.New(splice.Config{Origins: s.cfg.Origins, Rate: s.cfg.RelayRate, TotalRate: s.cfg.RelayTotalRate, Log: s.log})
	host := conference.New(conference.Forward(forward), conference.Config{
		Verify: s.keys.verify,
		Room:   room.Config{ICEServers: relay.forParticipant, ICERenew: credentialLife / 2},
		Log:    s.log,
		Options: func(ctx context.Context, room string) (protocol.RoomOptions, uint64, error) {
			if err := s.transfers.admits(ctx, room); err != nil {
				return protocol.RoomOptions{}, 0, err
			}
			return s.rooms.get(ctx, room)
		},
		Defaults: s.cfg.Rooms,
		OnEvent: func(e api.Event) {
			if e.Reason == "removed" || e.Reason == "closed" {
				relays.CloseRoom(e.Room, string(e.Participant.ID), "This end is not in the room any more.")
			}
			s.hooks.post(e)
		},
	})
	sockets := ws.New(host, ws.Config{Origins: s.cfg.Origins, Log: s.log})
	visits := whip.New(whipRooms{host}, whip.Options{ICEServers: relay.forVisitor})
	diagnostic := &echoes{connect: forward.Connect, life: echoLife}
	return &Backend{
		Rooms: sockets, WHIP: visits, WHEP: visits,
		ICE:   forward.ServeTCP,
		TURN:  relay.serveStream,
		Admin: wiredAdmin{host}, Diagnose: diagnostic.diagnose, Addresses: forward.Addresses, ICEServers: relay.forDiagnosis,
		Relays: relays, Host: host,
		Samples: func() []Sample {
			out := sfuSamples(forward.Stats())
			out = append(out, hostSamples(host.Stats())...)
			out = append(out, diagnostic.samples()...)
			out = append(out, relay.samples()...)
			out = append(out, relaySamples(relays.Stats())...)
			return append(out, socketSamples(sockets.Stats(), visits.Sessions())...)
		},
		WindDown:  func(ctx context.Context, notice string) { host.WindDown(ctx, notice) },
		Occupancy: host.Occupancy,
		Drain: func(ctx context.Context) {
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, relayFarewell)
				defer cancel()
				relays.Close(ctx)
			})
			if err := host.Drain(ctx); err != nil {
				s.log.Warn("rooms did not close in time", "error", err)
			}
			// The rooms have hung up; what they said last is still on its way.
			last, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			for tick := time.NewTicker(5 * time.Millisecond); sockets.Stats().Open > 0 && last.Err() == nil; {
				<-tick.C
			}
		},
		Close: func() error {
			sockets.Close()
			now, cancel := context.WithCancel(context.Background())
			cancel()
			relays.Close(now)
			relay.close()
			forward.Close()
			return nil
		},
	}, nil
}

// newSFU opens the UDP side of the media port. Where any port will do (port 0) and the one that TCP got is
// taken for UDP, both are opened anew.
func newSFU(s *Server, relay *relay) (*sfu.SFU, error) {
	for range 20 {
		forward, err := sfu.New(sfu.Config{
			Listen: s.MediaAddr(), PublicIPs: s.cfg.PublicIPs, TCP: true, Log: s.log,
			Unclaimed: relay.datagram(),
		})
		if !errors.Is(err, syscall.EADDRINUSE) {
			return forward, err
		}
		if _, port, _ := net.SplitHostPort(s.cfg.Media); port != "0" {
			break
		}
		s.media.Close()
		if s.media, err = listen(s.cfg.Media, "--media"); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the UDP address %s is in use by another program: end it, or choose another address with --media", s.MediaAddr())
}

// whipRooms lets WHIP and WHEP clients into the rooms.
type whipRooms struct{ host *conference.Host }

// Publish implements whip.Rooms.
func (w whipRooms) Publish(ctx context.Context, r whip.Request) (whip.Session, string, error) {
	return visit(ctx, w.host.Publish, r)
}

// Watch implements whip.Rooms.
func (w whipRooms) Watch(ctx context.Context, r whip.Request) (whip.Session, string, error) {
	return visit(ctx, w.host.Watch, r)
}

func visit(ctx context.Context, enter func(ctx context.Context, room, token, offer string) (*conference.Visit, string, error), r whip.Request) (whip.Session, string, error) {
	v, answer, err := enter(ctx, r.Room, r.Token, r.Offer)
	if err != nil {
		return nil, "", whipError(err)
	}
	go func() { // ends with the visit
		<-v.Done()
		r.Closed()
	}()
	return visitor{v}, answer, nil
}

// visitor is a visit as WHIP sees it.
type visitor struct{ *conference.Visit }

// Offer implements whip.Session.
func (v visitor) Offer(_ context.Context, offer string) (string, error) {
	answer, err := v.Visit.Offer(offer)
	return answer, whipError(err)
}

var whipStatus = map[string]int{
	protocol.CodeBadOffer:     http.StatusUnprocessableEntity,
	protocol.CodeBadMessage:   http.StatusBadRequest,
	protocol.CodeUnauthorized: http.StatusUnauthorized,
	protocol.CodeForbidden:    http.StatusForbidden,
	protocol.CodeNotFound:     http.StatusNotFound,
	protocol.CodeReplaced:     http.StatusConflict,
}

// whipError gives a room's refusal its HTTP status.
func whipError(err error) error {
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		return err
	}
	status := whipStatus[e.Code]
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	out := &whip.Error{Status: status, Detail: e.Message}
	if e.Retryable {
		out.RetryAfter = 2 * time.Second
	}
	return out
}

// wiredAdmin shows the rooms and links in the admin API.
type wiredAdmin struct{ host *conference.Host }

func (a wiredAdmin) Rooms() []RoomInfo {
	var out []RoomInfo
	for _, r := range a.host.Snapshot() {
		info := RoomInfo{Room: r.Room, Participants: len(r.Participants), Viewers: r.Viewers}
		for _, p := range r.Participants {
			info.Tracks += len(p.Tracks)
		}
		out = append(out, info)
	}
	return out
}

func (a wiredAdmin) Links() []LinkInfo {
	var out []LinkInfo
	for _, r := range a.host.Snapshot() {
		for _, l := range r.Links {
			info := LinkInfo{Link: l.Link, Room: r.Room, Participant: string(l.Participant)}
			if stats, ok := l.Media.Stats(); ok {
				info.Stats = stats
			}
			out = append(out, info)
		}
	}
	return out
}

func (a wiredAdmin) Tap(id string, t Tap) (stop func(), err error) {
	link, ok := a.host.Link(id).(conference.Forwarded)
	if !ok {
		return nil, ErrNoLink
	}
	o := sfu.TapOptions{Payload: t.Payload}
	if t.Packets != nil { // a nil *io.PipeWriter must not become a writer
		o.Packets = t.Packets
	}
	if t.Events != nil {
		o.Events = t.Events
	}
	err = link.Tap(o)
	if errors.Is(err, sfu.ErrClosed) {
		err = ErrNoLink
	}
	return link.Untap, err
}
