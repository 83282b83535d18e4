package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"switchyard/api"
	"switchyard/client/admin"
)

// WebhookCmd helps whoever writes a program that the server tells what happens.
type WebhookCmd struct {
	Listen WebhookListenCmd `cmd:"" help:"Receive webhooks, check their signatures and print them: for development."`
	Secret WebhookSecretCmd `cmd:"" help:"Print a new secret for --webhook-secret."`
}

// WebhookSecretCmd prints a secret.
type WebhookSecretCmd struct{}

// Run prints 256 random bits as text.
func (c *WebhookSecretCmd) Run(std *Streams) error {
	_, err := fmt.Fprintln(std.Out, rand.Text()+rand.Text())
	return err
}

// WebhookListenCmd is a webhook that prints.
type WebhookListenCmd struct {
	Secret string `help:"File with the secret, the same as the server's --webhook-secret." required:"" placeholder:"FILE"`
	Addr   string `help:"Address to listen on." default:"localhost:9090" placeholder:"ADDR"`
	JSON   bool   `help:"Print events as JSON, one a line, instead of in words."`
	Count  int    `help:"End after so many events; 0: at Ctrl-C." default:"0" placeholder:"N"`
}

// Run listens until ctx ends, or Count events came.
func (c *WebhookListenCmd) Run(ctx context.Context, std *Streams) error {
	secrets, err := loadSecrets(c.Secret)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: choose another address with --addr (%w)", c.Addr, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Fprintf(std.Err, "Listening on http://%s. Start the server with: switchyard serve --webhook http://%[1]s --webhook-secret %s --webhook-private\n", l.Addr(), c.Secret)
	var mu sync.Mutex
	came, seen := 0, map[string]bool{}
	take := func(e api.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[e.ID] {
			fmt.Fprintf(std.Err, "again: %s\n", e.ID)
			return nil
		}
		seen[e.ID] = true
		if came++; came == c.Count {
			defer stop()
		}
		if c.JSON {
			return json.NewEncoder(std.Out).Encode(e)
		}
		_, err := fmt.Fprintln(std.Out, describeEvent(e))
		return err
	}
	srv := &http.Server{Handler: complain(admin.Webhook(secrets[0], take), std), ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = srv.Shutdown(last)
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// complain says which webhooks were refused.
func complain(next http.Handler, std *Streams) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		if rec.status == http.StatusForbidden {
			fmt.Fprintln(std.Err, "Refused a webhook whose signature does not fit: do server and listener have the same secret?")
		}
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// describeEvent puts an event into a line.
func describeEvent(e api.Event) string {
	s := time.UnixMilli(e.At).Format("15:04:05.000") + " " + e.Type
	if e.Room != "" {
		s += " in " + e.Room
	}
	if p := e.Participant; p != nil {
		s += ": " + string(p.ID)
		if p.Name != "" {
			s += " (" + p.Name + ")"
		}
	}
	if t := e.Track; t != nil {
		s += ": " + string(t.Source) + " of " + string(t.Participant)
	}
	if e.Reason != "" {
		s += ", " + e.Reason
	}
	return s
}
