// Package server puts the parts together: the HTTP API and the web app, the single media port,
// health and metrics, and the wiring of rooms, media and store.
//
// HTTP follows RFC 9110; errors are RFC 9457 problems. The media port tells its protocols apart by
// first bytes (RFC 7983 for UDP, classify.go for TCP).
package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"switchyard/store"
)

// Server is one Switchyard server. Make it with New, run it with Serve, end it with Close.
type Server struct {
	// Immutable after New.
	cfg         Config
	log         *slog.Logger
	key         []byte // signs tokens (HS256)
	keys        *keyring
	store       store.Store
	invitations invitations
	openRooms   openRooms
	transfers   transfers
	rooms       keptRooms
	hooks       *hooks
	app         *app
	backend     *Backend
	metrics     *metrics
	requests    *limiter // HTTP requests by address
	guesses     *limiter // unknown invitations, rooms and transfers by address
	starts      *limiter // rooms and transfers started by address
	invites     *limiter // invitations and codes made by address
	nearby      *limiter // look-ups of devices nearby by address
	doctor      *checkup
	overviews   *overviews
	web         net.Listener
	media       net.Listener
	tls         *tls.Config
	acme        *certificates // nil without domains
	port        *port
	http        *http.Server
	announced   bool // server.json was written

	winding   chan struct{} // closed when the server was told to end: nothing new begins
	ended     chan struct{} // closed by End
	draining  chan struct{} // closed when calls end, too
	windOnce  sync.Once
	endOnce   sync.Once
	drainOnce sync.Once
	closeOnce sync.Once
}

// New opens the data folder and the listeners; nothing is answered before Serve. Errors are
// sentences that say what to do.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, log: cfg.Log, metrics: newMetrics(),
		winding: make(chan struct{}), ended: make(chan struct{}), draining: make(chan struct{}),
		requests: newLimiter(cfg.RequestRate, cfg.RequestBurst),
		guesses:  newLimiter(cfg.GuessRate, cfg.GuessBurst),
		starts:   newLimiter(cfg.StartRate, cfg.StartBurst),
		invites:  newLimiter(cfg.InviteRate, cfg.InviteBurst),
		nearby:   newLimiter(nearbyRate, nearbyBurst),
		doctor:   newCheckup(), overviews: newOverviews(),
	}
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open() (err error) {
	if s.web, err = listen(s.cfg.HTTP, "--http"); err != nil {
		return err
	}
	if s.media, err = listen(s.cfg.Media, "--media"); err != nil {
		return err
	}
	s.cfg.PublicIPs = s.publicAddresses(context.Background(), interfaceAddrs())
	if err := s.openData(); err != nil {
		return err
	}
	if len(s.cfg.ACME.Domains) > 0 {
		if s.acme, err = newCertificates(s.cfg.ACME, s.cfg.Data, s.HTTPAddr(), s.MediaAddr(), s.log); err != nil {
			return err
		}
		s.tls = s.acme.wrap(s.tls)
	}
	if s.app, err = newApp(s.cfg.Files); err != nil {
		return fmt.Errorf("server: web app: %w", err)
	}
	if s.backend, err = s.cfg.backend(s); err != nil {
		return err
	}
	s.warnUnreachable()
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: s.cfg.headerTimeout,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       connContext,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.port = newPort(s.media, s.tls, newHandoff(s.media.Addr()), s.backend.ICE, s.backend.TURN, s.log)
	s.metrics.registry.MustRegister(snapshot(s.port.samples))
	if s.backend.Samples != nil {
		s.metrics.registry.MustRegister(snapshot(s.backend.Samples))
	}
	if err := s.announce(); err != nil {
		return dataError(s.cfg.Data, err)
	}
	return nil
}

// openData opens what is kept in the data folder.
func (s *Server) openData() (err error) {
	dir := s.cfg.Data
	if s.key, err = store.LoadOrCreateKey(dir); err != nil {
		return dataError(dir, err)
	}
	if s.keys, err = newKeyring(s.key, s.cfg.JWKS, s.log); err != nil {
		return err
	}
	if s.tls, err = tlsConfig(s.cfg.CertFile, s.cfg.KeyFile, dir, s.cfg.PublicIPs); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if s.cfg.NATS != "" {
		s.store, err = store.Connect(ctx, s.cfg.NATS, store.Options{})
	} else {
		s.store, err = store.Open(ctx, filepath.Join(dir, "nats"), store.Options{}, s.log)
	}
	if err != nil {
		return dataError(dir, err)
	}
	s.invitations, s.openRooms, s.rooms = invitations{s.store}, openRooms{s.store}, keptRooms{s.store}
	s.transfers = transfers{s.store}
	if s.hooks, err = newHooks(ctx, s.cfg.Webhook, s.store, s.log); err != nil {
		return err
	}
	if s.hooks != nil {
		s.metrics.registry.MustRegister(snapshot(s.hooks.samples))
	}
	return nil
}

func dataError(dir string, err error) error {
	switch {
	case errors.Is(err, store.ErrInUse):
		return fmt.Errorf("another server is using the data folder %s: end it, or choose another folder with --data", dir)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("cannot write to the data folder %s: make it writable, or choose another with --data (%w)", dir, err)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("cannot make the data folder %s: choose another with --data (%w)", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("no disk space left for the data folder %s: free some, or choose another with --data", dir)
	}
	return err
}

// listen opens a TCP listener; errors name the flag that changes its address.
func listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if _, port, bad := net.SplitHostPort(addr); bad == nil && errors.As(err, new(*net.DNSError)) && addr == "localhost:"+port {
		l, err = net.Listen("tcp", "127.0.0.1:"+port) // a container can lack the file that says so
	}
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is in use by another program: end it, or choose another address with %s", addr, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("not allowed to listen on %s: choose a port above 1023 with %s", addr, flag)
	}
	return nil, fmt.Errorf("cannot listen on %q: give %s an address of this machine as HOST:PORT (%w)", addr, flag, err)
}

// HTTPAddr is where HTTP is served.
func (s *Server) HTTPAddr() netip.AddrPort { return s.web.Addr().(*net.TCPAddr).AddrPort() }

// MediaAddr is the address of the media port.
func (s *Server) MediaAddr() netip.AddrPort { return s.media.Addr().(*net.TCPAddr).AddrPort() }

// Serve answers until ctx ends. Then it begins nothing new, lets calls go on for Config.DrainLimit at most
// (End cuts that short), says goodbye, and returns nil within five seconds of that. It is called once.
func (s *Server) Serve(ctx context.Context) error {
	ended := make(chan error, 3)
	// These three own their listeners; drain ends them.
	inner := &http.Server{Handler: toHTTPS(s.http.Handler)}
	if s.acme != nil {
		s.http.Handler = s.acme.handler(s.toDomain(s.http.Handler))
	}
	go func() { ended <- s.http.Serve(newSpares(s.web, spareTimeout, s.log)) }()
	go func() { ended <- s.serveMedia(inner) }()
	go func() { ended <- s.port.serve() }()
	if s.acme != nil {
		if err := s.acme.start(); err != nil {
			s.drain(inner)
			return fmt.Errorf("server: certificates: %w", err)
		}
	}
	alive, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.watchdog(alive)       // ends with Serve
	go s.watchTransfers(alive) // ends with Serve
	s.tell("READY=1\nSTATUS=Serving " + s.BaseURL())
	select {
	case <-ctx.Done():
		s.log.Info("ending")
		s.windDown(ended)
		s.drain(inner)
		return nil
	case err := <-ended:
		s.drain(inner)
		return fmt.Errorf("server: %w", err)
	}
}

// serveMedia serves HTTP on the media port with the limits of the other listener.
func (s *Server) serveMedia(h *http.Server) error {
	h.ReadHeaderTimeout, h.ReadTimeout = s.http.ReadHeaderTimeout, s.http.ReadTimeout
	h.WriteTimeout, h.IdleTimeout = s.http.WriteTimeout, s.http.IdleTimeout
	h.MaxHeaderBytes, h.ConnContext, h.ErrorLog = s.http.MaxHeaderBytes, s.http.ConnContext, s.http.ErrorLog
	return h.Serve(s.port.web)
}

// Close releases everything; it is safe to call more than once, also after a failed New.
func (s *Server) Close() error {
	var errs []error
	s.closeOnce.Do(func() {
		s.End()
		s.windOnce.Do(func() { close(s.winding) })
		s.drainOnce.Do(func() { close(s.draining) })
		for _, l := range []net.Listener{s.web, s.media} {
			if l != nil {
				l.Close()
			}
		}
		if s.backend != nil && s.backend.Close != nil {
			errs = append(errs, s.backend.Close())
		}
		if s.acme != nil {
			s.acme.close()
		}
		if s.announced {
			os.Remove(runningFile(s.cfg.Data))
		}
		s.hooks.close() // what the last rooms said is in the store now
		if s.store != nil {
			errs = append(errs, s.store.Close())
		}
	})
	return errors.Join(errs...)
}

// Running is what server.json in the data folder says about the server that uses it.
type Running struct {
	HTTP string `json:"http"` // base URL on this machine
	URL  string `json:"url"`  // what links begin with
	PID  int    `json:"pid"`
}

func runningFile(dir string) string { return filepath.Join(dir, "server.json") }

// announce writes server.json, so that command-line verbs find the server.
func (s *Server) announce() error {
	data, err := json.Marshal(Running{HTTP: localURL(s.HTTPAddr()), URL: s.BaseURL(), PID: os.Getpid()})
	if err != nil {
		return err
	}
	if err := store.WriteFile(runningFile(s.cfg.Data), append(data, '\n')); err != nil {
		return err
	}
	s.announced = true
	return nil
}

// FindRunning returns what the server that uses the data folder wrote about itself. It may have been
// killed since.
func FindRunning(dir string) (Running, error) {
	data, err := os.ReadFile(runningFile(dir))
	if err != nil {
		return Running{}, err
	}
	var r Running
	return r, json.Unmarshal(data, &r)
}
