package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/coder/websocket"

	"switchyard/protocol"
	"switchyard/signal/splice"
)

// sharing starts two servers that have one store and one key.
func sharing(t *testing.T) (one, two *testServer) {
	t.Helper()
	n, err := nats.NewServer(&nats.Options{Host: "127.0.0.1", Port: nats.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(func() { n.Shutdown(); n.WaitForShutdown() })
	if !n.ReadyForConnections(patience) {
		t.Fatal("no NATS server")
	}
	first, second := whole(t, t.TempDir()), whole(t, t.TempDir())
	first.NATS, second.NATS = n.ClientURL(), n.ClientURL()
	one = run(t, *first)
	key, err := os.ReadFile(filepath.Join(first.Data, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second.Data, "key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return one, run(t, *second)
}

// withdraw is what a sender does.
func (s *testServer) withdraw(id, token string) {
	s.t.Helper()
	if status, _, body := s.call("DELETE", "/v1/transfers/"+id, "", "Authorization: Bearer "+token); status != 204 {
		s.t.Fatalf("%d %s", status, body)
	}
}

// What is withdrawn at one server is over at every other: the room, and what is relayed in it.
func TestWithdrawnEverywhere(t *testing.T) {
	one, two := sharing(t)
	made, other := one.handOver(`{}`), one.handOver(`{}`)
	receiver, _ := two.take("/v1/transfers/" + made.ID + "/accept")
	inside, stays := two.enterWith(made.Room, receiver.Token), two.enterWith(other.Room, other.Token)
	two.await(inside.conn, protocol.TypeWelcome)
	two.await(stays.conn, protocol.TypeWelcome)
	here, there := two.relayTo(made.Room, made.Token, receiver.Identity), two.relayTo(made.Room, receiver.Token, "sender")

	one.withdraw(made.ID, made.Token)
	if e := two.errorOf(inside); e.Code != protocol.CodeRoomClosed || !e.Fatal || !strings.Contains(e.Message, "withdrawn") {
		t.Fatalf("%+v", e)
	}
	for _, c := range []*websocket.Conn{here, there} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != splice.StatusShut {
			t.Error(err)
		}
		cancel()
	}
	if e := two.errorOf(two.enterWith(made.Room, receiver.Token)); e.Code != protocol.CodeRoomClosed {
		t.Fatalf("%+v", e)
	}
	// The other one went on all the while.
	if _, err := two.backend.Host.Find(other.Room); err != nil {
		t.Error(err)
	}
	two.withdraw(other.ID, other.Token)
	if e := two.errorOf(stays); e.Code != protocol.CodeRoomClosed {
		t.Errorf("%+v", e)
	}
}

// What the store has forgotten is over, at whichever server people are.
func TestForgottenEverywhere(t *testing.T) {
	t.Parallel()
	one, two := sharing(t)
	made := one.handOver(`{}`)
	inside := two.enterWith(made.Room, made.Token)
	two.await(inside.conn, protocol.TypeWelcome)
	// As if a week had passed.
	now := time.Now()
	_, err := one.transfers.change(t.Context(), made.Room, now, func(t *transfer) error {
		t.Expires = now.Add(time.Second - afterlife)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := two.errorOf(inside); e.Code != protocol.CodeRoomClosed || !strings.Contains(e.Message, "over") {
		t.Fatalf("%+v", e)
	}
}

// A server that missed it, since it could not reach the store, sees it later.
func TestWithdrawnMeanwhile(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	made, other := s.handOver(`{}`), s.handOver(`{}`)
	inside := s.enterWith(made.Room, made.Token)
	s.await(inside.conn, protocol.TypeWelcome)
	stays := s.enterWith(other.Room, other.Token)
	s.await(stays.conn, protocol.TypeWelcome)
	s.closeOver(t.Context(), s.openTransfers())
	if names := s.openTransfers(); len(names) != 2 {
		t.Fatalf("what is not over was closed: %v", names)
	}
	if err := s.store.Delete(t.Context(), transferKey(made.Room)); err != nil {
		t.Fatal(err)
	}
	s.closeOver(t.Context(), s.openTransfers())
	if e := s.errorOf(inside); e.Code != protocol.CodeRoomClosed {
		t.Fatalf("%+v", e)
	}
	if _, err := s.backend.Host.Find(other.Room); err != nil {
		t.Fatal(err)
	}
}
