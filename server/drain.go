package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// drainTime is how long a server that ends waits for requests and goodbyes.
	drainTime = 4 * time.Second
	// drainWord is how often the log says what the server waits for.
	drainWord = time.Minute
)

// End cuts short what Serve does after its context ended: calls are not waited for any longer. It is safe
// to call at any time, more than once.
func (s *Server) End() { s.endOnce.Do(func() { close(s.ended) }) }

// isDraining reports whether the server was told to end.
func (s *Server) isDraining() bool {
	select {
	case <-s.winding:
		return true
	default:
		return false
	}
}

// windDown lets calls go on without new ones, until they have ended, Config.DrainLimit is over or End is
// called. What fails meanwhile comes by failed.
func (s *Server) windDown(failed <-chan error) {
	s.windOnce.Do(func() { close(s.winding) })
	s.tell("STOPPING=1\nSTATUS=Waiting for calls to end")
	if s.cfg.DrainLimit <= 0 || s.backend.WindDown == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainLimit)
	defer cancel()
	over := make(chan struct{})
	go func() { // ends with the calls or with ctx
		defer close(over)
		s.backend.WindDown(ctx, s.notice())
	}()
	until := time.Now().Add(s.cfg.DrainLimit)
	word := time.NewTicker(drainWord)
	defer word.Stop()
	for {
		if rooms, people := s.backend.Occupancy(); rooms > 0 {
			s.log.Info("waiting for calls to end; a second signal ends them now",
				"rooms", rooms, "people", people, "left", time.Until(until).Round(time.Second))
		}
		select {
		case <-over:
			if ctx.Err() != nil {
				s.log.Info("the drain limit is over")
			}
			return
		case <-s.ended:
			s.log.Info("not waiting any longer")
			cancel()
			<-over
			return
		case <-failed: // no more requests: waiting is of no use
			return
		case <-word.C:
		}
	}
}

// notice is what people in calls are told when the server begins to end.
func (s *Server) notice() string {
	return fmt.Sprintf("This server will restart when the calls on it have ended, in %s at most. You can go on; nothing is to be done.",
		inWords(s.cfg.DrainLimit))
}

// inWords says a duration to a person.
func inWords(d time.Duration) string {
	n, unit := int(d.Round(time.Second)/time.Second), "second"
	switch {
	case d >= 2*time.Hour:
		n, unit = int(d.Round(time.Hour)/time.Hour), "hour"
	case d >= 2*time.Minute:
		n, unit = int(d.Round(time.Minute)/time.Minute), "minute"
	}
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// drain says goodbye to everyone and waits for open requests, at most drainTime.
func (s *Server) drain(inner *http.Server) {
	s.drainOnce.Do(func() { close(s.draining) })
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var wg sync.WaitGroup
	if s.backend.Drain != nil {
		wg.Go(func() { s.backend.Drain(ctx) })
	}
	s.port.close()
	for _, h := range []*http.Server{s.http, inner} {
		wg.Go(func() {
			if h.Shutdown(ctx) != nil {
				h.Close()
			}
		})
	}
	wg.Wait()
}
