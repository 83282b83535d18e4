package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bucket is the name of our JetStream key-value bucket; its stream is "KV_" + bucket and its
// subjects "$KV." + bucket + "." + key, as every NATS client has them.
const bucket = "switchyard"

const (
	// callTimeout bounds a call whose context has no deadline of its own.
	callTimeout = 5 * time.Second
	// markerTTL is how long a watcher can still learn that a key was deleted or expired.
	markerTTL = time.Hour
)

// Options are the limits of the bucket; the zero value works.
type Options struct {
	// MaxBytes bounds the whole store on disk; 0 means 1 GiB.
	MaxBytes int64
}

func (o Options) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return 1 << 30
}

// natsStore is a Store on a JetStream bucket.
//
// A stored value begins with the time of expiry (8 bytes, milliseconds since 1970, big endian; 0:
// never), by which readers judge to the millisecond. JetStream's own expiry, in whole seconds, is
// set a little later and only cleans up.
type natsStore struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	kv      jetstream.KeyValue
	onClose func() error // stops the embedded server; nil without one
	full    func() bool  // whether the embedded server ran out of disk; nil without one
}

// Connect opens the store in the NATS cluster at url (nats://host:port, several by comma).
func Connect(ctx context.Context, url string, o Options) (Store, error) {
	conn, err := nats.Connect(url, nats.Name("switchyard"), nats.MaxReconnects(-1),
		nats.Timeout(callTimeout), nats.ReconnectWait(500*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("%w: NATS at %s: %w", ErrUnavailable, redactURL(url), err)
	}
	s, err := open(ctx, conn, o, true)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// redactURL hides the credentials that a NATS URL can carry.
func redactURL(urls string) string {
	parts := strings.Split(urls, ",")
	for i, u := range parts {
		if scheme, rest, ok := strings.Cut(u, "://"); ok {
			if at := strings.LastIndexByte(rest, '@'); at >= 0 {
				parts[i] = scheme + "://…" + rest[at:]
			}
		}
	}
	return strings.Join(parts, ",")
}

// open finds the bucket, or makes it where create allows; else its absence is ErrCorrupt.
func open(ctx context.Context, conn *nats.Conn, o Options, create bool) (*natsStore, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, classify(err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	kv, err := js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		if !create {
			return nil, ErrCorrupt
		}
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket:         bucket,
			Description:    "Switchyard: invitations, sessions",
			MaxValueSize:   MaxValue + 8,
			MaxBytes:       o.maxBytes(),
			LimitMarkerTTL: markerTTL,
		})
	}
	if err != nil {
		return nil, classify(err)
	}
	return &natsStore{conn: conn, js: js, kv: kv}, nil
}

func (s *natsStore) Get(ctx context.Context, key string) (Entry, error) {
	if !validKey(key) {
		return Entry{}, fmt.Errorf("%w: key %q", ErrInvalid, key)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	e, err := s.kv.Get(ctx, key)
	if err != nil {
		return Entry{}, s.classify(err)
	}
	entry, ok := decode(e)
	if !ok || entry.expired(time.Now()) {
		return Entry{}, ErrNotFound
	}
	return entry, nil
}

func (s *natsStore) Put(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	return s.publish(ctx, key, value, ttl)
}

func (s *natsStore) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	rev, err := s.publish(ctx, key, value, ttl, jetstream.WithExpectLastSequencePerSubject(0))
	if !errors.Is(err, ErrConflict) {
		return rev, err
	}
	// Something stands there: a value, or only what is left of a deleted or expired one.
	last, gone, err := s.last(ctx, key)
	if err != nil {
		return 0, err
	}
	if !gone {
		return 0, ErrExists
	}
	rev, err = s.publish(ctx, key, value, ttl, jetstream.WithExpectLastSequencePerSubject(last))
	if errors.Is(err, ErrConflict) {
		return 0, ErrExists
	}
	return rev, err
}

// last returns the revision of key's last message and whether that leaves the key absent.
func (s *natsStore) last(ctx context.Context, key string) (revision uint64, gone bool, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	stream, err := s.js.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return 0, false, s.classify(err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, "$KV."+bucket+"."+key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, true, nil
	}
	if err != nil {
		return 0, false, s.classify(err)
	}
	if m.Header.Get("KV-Operation") != "" || m.Header.Get(jetstream.MarkerReasonHeader) != "" {
		return m.Sequence, true, nil
	}
	expires, _, ok := unwrap(m.Data)
	return m.Sequence, !ok || Entry{Expires: expires}.expired(time.Now()), nil
}

func (s *natsStore) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error) {
	return s.publish(ctx, key, value, ttl, jetstream.WithExpectLastSequencePerSubject(revision))
}

// publish writes the value as the bucket's Put does, with expiry.
func (s *natsStore) publish(ctx context.Context, key string, value []byte, ttl time.Duration, opts ...jetstream.PublishOpt) (uint64, error) {
	if !validKey(key) {
		return 0, fmt.Errorf("%w: key %q", ErrInvalid, key)
	}
	if len(value) > MaxValue || ttl < 0 {
		return 0, fmt.Errorf("%w: %d bytes for %v", ErrInvalid, len(value), ttl)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	data := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), 0)
	if ttl > 0 {
		binary.BigEndian.PutUint64(data, uint64(time.Now().Add(ttl).UnixMilli()))
		opts = append(opts, jetstream.WithMsgTTL(ttl.Truncate(time.Second)+2*time.Second))
	}
	msg := &nats.Msg{Subject: "$KV." + bucket + "." + key, Data: append(data, value...)}
	ack, err := s.js.PublishMsg(ctx, msg, opts...)
	if err != nil {
		return 0, s.classify(err)
	}
	return ack.Sequence, nil
}

func (s *natsStore) Delete(ctx context.Context, key string) error {
	if !validKey(key) {
		return fmt.Errorf("%w: key %q", ErrInvalid, key)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return s.classify(s.kv.Purge(ctx, key, jetstream.PurgeTTL(markerTTL)))
}

func (s *natsStore) Ready(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := s.kv.Status(ctx)
	return s.classify(err)
}

func (s *natsStore) Close() error {
	s.conn.Close()
	if s.onClose != nil {
		return s.onClose()
	}
	return nil
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}

// unwrap splits a stored value into its time of expiry and what the caller stored.
func unwrap(data []byte) (expires time.Time, value []byte, ok bool) {
	if len(data) < 8 {
		return time.Time{}, nil, false
	}
	if ms := binary.BigEndian.Uint64(data); ms != 0 {
		expires = time.UnixMilli(int64(ms))
	}
	return expires, data[8:], true
}

func decode(e jetstream.KeyValueEntry) (Entry, bool) {
	expires, value, ok := unwrap(e.Value())
	return Entry{Key: e.Key(), Value: value, Revision: e.Revision(), Expires: expires}, ok
}

func (e Entry) expired(now time.Time) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }

// JetStream's error codes that have no name in nats.go (server/errors.json).
const (
	errInsufficientResources jetstream.ErrorCode = 10023
	errStorageExceeded       jetstream.ErrorCode = 10047
	errStreamStoreFailed     jetstream.ErrorCode = 10077
)

// classify does what the function does, and knows why an embedded server stopped answering.
func (s *natsStore) classify(err error) error {
	err = classify(err)
	if errors.Is(err, ErrUnavailable) && s.full != nil && s.full() {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// classify turns an error of NATS into one of ours, keeping the original in the chain.
func classify(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return ErrNotFound
	case errors.As(err, &api):
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return ErrConflict
		case errInsufficientResources, errStorageExceeded, errStreamStoreFailed:
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(err, jetstream.ErrInvalidKey):
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
