package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Open opens the store in dir, with a NATS server inside this process that listens nowhere. Only
// one process can have dir open.
//
// Errors: ErrInUse, ErrCorrupt, or what the file system says.
func Open(ctx context.Context, dir string, o Options, log *slog.Logger) (Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	s, err := openEmbedded(ctx, dir, o, log)
	if err != nil {
		unlock()
		return nil, err
	}
	stop := s.onClose
	s.onClose = func() error { defer unlock(); return stop() }
	return s, nil
}

func openEmbedded(ctx context.Context, dir string, o Options, log *slog.Logger) (*natsStore, error) {
	// The file is made when the first start was through: from then on the bucket must be there.
	marker := filepath.Join(dir, "format")
	_, err := os.Stat(marker)
	existed := err == nil

	notes := &notes{log: log}
	srv, err := start(dir, o, notes)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, srv, o, existed)
	if err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		if errors.Is(err, ErrCorrupt) {
			return nil, fmt.Errorf("%w: move %s away (invitations in it are lost) and start again%s", ErrCorrupt, dir, notes.last())
		}
		return nil, err
	}
	s.full = notes.full.Load
	if !existed {
		if err := WriteFile(marker, []byte(format)); err != nil {
			srv.Shutdown()
			return nil, err
		}
	}
	s.onClose = func() error {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil
	}
	return s, nil
}

func start(dir string, o Options, notes *notes) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName: "switchyard",
		DontListen: true,
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   dir,
		// Every write reaches the disk before it is acknowledged: an invitation's uses must not
		// come back after a power cut. Writes are rare.
		SyncAlways:             true,
		JetStreamMaxMemory:     1 << 20,
		JetStreamMaxStore:      o.maxBytes() + 64<<20,
		MaxPayload:             MaxValue + 64<<10,
		MaxClosedClients:       1,
		NoSublistCache:         true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	srv.SetLoggerV2(notes, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(callTimeout) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("store: the embedded NATS server did not start in %s%s", dir, notes.last())
	}
	return srv, nil
}

// attach connects to srv and opens the bucket. A bucket that was on disk and is not there now was
// given up by JetStream: making a new one over it would hide the loss.
func attach(ctx context.Context, srv *server.Server, o Options, existed bool) (*natsStore, error) {
	conn, err := nats.Connect("", nats.InProcessServer(srv), nats.Name("switchyard"), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := open(ctx, conn, o, !existed)
	if err == nil {
		err = s.checkFormat(ctx, existed)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// formatKey holds the format of what is stored. As the oldest message it is also the canary for
// blocks that JetStream dropped because they could not be read.
const (
	formatKey = "switchyard-format"
	format    = "1"
)

func (s *natsStore) checkFormat(ctx context.Context, existed bool) error {
	if !existed {
		_, err := s.Put(ctx, formatKey, []byte(format), 0)
		return err
	}
	e, err := s.Get(ctx, formatKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return ErrCorrupt
	case err == nil && string(e.Value) != format:
		return fmt.Errorf("store: the data folder has format %q, this version reads %q: "+
			"use the version that wrote it", e.Value, format)
	}
	return err
}

// notes receives the NATS server's log: what matters goes to ours, and the last complaint is kept
// for the error when it does not start.
type notes struct {
	log       *slog.Logger
	full      atomic.Bool // the disk was full: JetStream has switched itself off
	mu        sync.Mutex
	complaint string // guarded by mu
}

func (n *notes) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.complaint == "" {
		return ""
	}
	return " (" + n.complaint + ")"
}

func (n *notes) complain(level slog.Level, format string, v []any) {
	text := strings.TrimSpace(fmt.Sprintf(format, v...))
	if strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(text, "out of space") {
		n.full.Store(true)
	}
	n.mu.Lock()
	n.complaint = text
	n.mu.Unlock()
	if n.log != nil {
		n.log.Log(context.Background(), level, "store: "+text)
	}
}

func (n *notes) Noticef(string, ...any) {}
func (n *notes) Debugf(string, ...any)  {}
func (n *notes) Tracef(string, ...any)  {}

func (n *notes) Warnf(format string, v ...any)  { n.complain(slog.LevelWarn, format, v) }
func (n *notes) Errorf(format string, v ...any) { n.complain(slog.LevelError, format, v) }

// Fatalf must not end the process as the NATS server's own logger would.
func (n *notes) Fatalf(format string, v ...any) { n.complain(slog.LevelError, format, v) }
