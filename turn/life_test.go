package turn

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"
)

// lifeOf reads LIFETIME of an answer.
func lifeOf(t *testing.T, m *stun.Message) time.Duration {
	t.Helper()
	v, err := m.Get(stun.AttrLifetime)
	if err != nil || len(v) != 4 {
		t.Fatalf("no lifetime in %v", m)
	}
	return time.Duration(uint32(v[0])<<24|uint32(v[1])<<16|uint32(v[2])<<8|uint32(v[3])) * time.Second
}

// refreshed sends a refresh with a nonce of now.
func (p *person) refreshed() *stun.Message {
	p.nonce = p.b.nonces.mint(p.b.now, p.at.Addr())
	return p.ask(stun.MethodRefresh)
}

// TestAnAllocationOutlivesItsCredentialsForABoundedTime refreshes for two days, with what a browser has and
// with fresh credentials.
func TestAnAllocationOutlivesItsCredentialsForABoundedTime(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann") // credentials for an hour
	ann.allocate()
	last := epoch.Add(time.Hour + 24*time.Hour)
	for b.now.Before(last) {
		m := ann.refreshed()
		if c := code(m); c != 0 {
			t.Fatalf("refused %d at %v", c, b.now.Sub(epoch))
		}
		if end := b.now.Add(lifeOf(t, m)); end.After(last) {
			t.Fatalf("until %v, %v too long", end, end.Sub(last))
		}
		b.now = b.now.Add(9*time.Minute + 30*time.Second)
	}
	if c := code(ann.refreshed()); c != 401 || len(b.byClient) != 0 {
		t.Errorf("refreshed without end: %d, %d allocations", c, len(b.byClient))
	}
	b.wantCount(RefusedExpired, 1)

	ben := b.person("192.0.2.2:1000", "ben")
	ben.name, ben.password = b.cfg.Secret.Mint("demo", "ben", b.now.Add(time.Hour))
	ben.allocate()
	b.now = b.now.Add(9 * time.Minute)
	ben.name, ben.password = b.cfg.Secret.Mint("demo", "ben", b.now.Add(48*time.Hour))
	if c := code(ben.refreshed()); c != 0 {
		t.Fatalf("fresh credentials: %d", c)
	}
	if a := b.byClient[client{remote: ben.at, local: serverAddr}]; !a.last.Equal(time.Unix(b.now.Add(72*time.Hour).Unix(), 0)) {
		t.Errorf("fresh credentials prolong until %v", a.last)
	}
}

// TestSessionsOfOneTokenHaveQuotasOfTheirOwn has two viewers share an identity.
func TestSessionsOfOneTokenHaveQuotasOfTheirOwn(t *testing.T) {
	b := newBench(t, Config{PerIdentity: 1})
	one, two, again := b.person("192.0.2.1:1000", "eve"), b.person("192.0.2.2:1000", "eve"), b.person("192.0.2.2:1001", "eve")
	one.name, one.password = b.cfg.Secret.MintSession("demo", "eve", "1", epoch.Add(time.Hour))
	two.name, two.password = b.cfg.Secret.MintSession("demo", "eve", "2", epoch.Add(time.Hour))
	again.name, again.password = two.name, two.password
	one.allocate()
	two.allocate()
	again.ask(stun.MethodAllocate, udpTransport)
	if c := code(again.ask(stun.MethodAllocate, udpTransport)); c != 486 {
		t.Errorf("the second of one session: %d", c)
	}
	// An identity cannot pass for a session of another.
	fake := b.person("192.0.2.3:1000", "eve:1")
	fake.allocate()
	if len(b.users) != 3 {
		t.Errorf("%d users", len(b.users))
	}
}

// TestPacketsToClientsTakeNoLock passes them on while the server's lock is held.
func TestPacketsToClientsTakeNoLock(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	b.now = time.Now()
	ann.name, ann.password = b.cfg.Secret.Mint("demo", "ann", b.now.Add(time.Hour))
	ann.allocate()
	if c := ann.bind(0x4000, mediaAddr); c != 0 {
		t.Fatal(c)
	}
	ann.send(mediaAddr, []byte("a check"))
	b.mu.Lock()
	passed := make(chan bool, 1)
	go func() { passed <- b.media.back.Send([]byte("media")) }()
	select {
	case ok := <-passed:
		if !ok {
			t.Error("dropped")
		}
	case <-time.After(time.Minute):
		t.Error("waits for the lock")
	}
	b.mu.Unlock()
}

// countingMedia takes from any goroutine what is written to clients.
type countingMedia struct{ *fakeMedia }

func (countingMedia) WriteTo([]byte, netip.AddrPort, netip.Addr) error { return nil }

// TestShardsSendWhilePermissionsChange is for the race detector.
func TestShardsSendWhilePermissionsChange(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	b.now = time.Now()
	ann.name, ann.password = b.cfg.Secret.Mint("demo", "ann", b.now.Add(time.Hour))
	ann.allocate()
	ann.bind(0x4000, mediaAddr)
	ann.send(mediaAddr, []byte("a check"))
	way := b.media.back
	b.Server.media = countingMedia{b.media}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 500 {
				way.Send([]byte("media"))
			}
		})
	}
	for i := range 200 {
		b.mu.Lock()
		a := b.byClient[client{remote: ann.at, local: serverAddr}]
		a.permit(b.now, mediaAddr.Addr(), netip.AddrFrom4([4]byte{198, 51, 100, byte(i % 50)}))
		a.forget(b.now)
		b.mu.Unlock()
	}
	wg.Wait()
	b.mu.Lock()
	b.end(b.byClient[client{remote: ann.at, local: serverAddr}])
	b.mu.Unlock()
	if way.Send([]byte("late")) {
		t.Error("sent through a relay that has ended")
	}
	if from := b.counters.fromPeers.Load(); from != 1500 {
		t.Errorf("%d of 1500 came through", from)
	}
}

// brokenSocket fails with err each time, and counts.
type brokenSocket struct {
	err   error
	reads int
}

func (s *brokenSocket) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	s.reads++
	if errors.Is(s.err, syscall.ECONNREFUSED) && s.reads >= 100 {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	return 0, netip.AddrPort{}, s.err
}

// TestABrokenRelaySocketEndsItsAllocation counts how often a failing socket is read.
func TestABrokenRelaySocketEndsItsAllocation(t *testing.T) {
	for _, c := range []struct {
		err   error
		reads int
	}{
		{net.ErrClosed, 1}, {syscall.EIO, readErrors}, {syscall.ECONNREFUSED, 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{})
			ann := b.person("192.0.2.1:1000", "ann")
			ann.allocate()
			sock := &brokenSocket{err: c.err}
			begin := time.Now()
			b.byClient[client{remote: ann.at, local: serverAddr}].read(sock)
			if sock.reads != c.reads || len(b.byClient) != 0 {
				t.Errorf("%v: %d reads, %d allocations", c.err, sock.reads, len(b.byClient))
			}
			if waited := time.Since(begin); c.reads == readErrors && waited < time.Second {
				t.Errorf("%v: given up after %v", c.err, waited)
			}
			b.wantCount(DropSocket, 1)
		})
	}
}

// TestIdleAllocationsMakeRoom: what carries nothing goes before anybody is refused; what is in use stays.
func TestIdleAllocationsMakeRoom(t *testing.T) {
	b := newBench(t, Config{Allocations: 2})
	ann, ben, cas := b.person("192.0.2.1:1000", "ann"), b.person("192.0.2.2:1000", "ben"), b.person("192.0.2.3:1000", "cas")
	for _, p := range []*person{ann, ben} {
		p.allocate()
		if c := p.permit(mediaAddr); c != 0 {
			t.Fatalf("permission: %d", c)
		}
	}
	cas.ask(stun.MethodAllocate, udpTransport)
	if c := code(cas.ask(stun.MethodAllocate, udpTransport)); c != 508 {
		t.Fatalf("nothing is idle yet: %d", c)
	}
	b.now = b.now.Add(idleLife + time.Second)
	ann.send(mediaAddr, []byte{0, 1, 0, 0}) // a check keeps nothing
	ben.send(mediaAddr, []byte{0x80, 96, 0, 1})
	if b.evict(b.now, true) {
		t.Error("an allocation over UDP made room for a connection")
	}
	b.now = b.now.Add(2 * time.Second)
	cas.allocate()
	there := func(p *person) bool { return b.byClient[client{remote: p.at, local: serverAddr}] != nil }
	if there(ann) || !there(ben) || !there(cas) || b.Stats().Evicted != 1 {
		t.Errorf("ann %v, ben %v, cas %v, evicted %d", there(ann), there(ben), there(cas), b.Stats().Evicted)
	}
}
