package turn

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestBinding(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	m := ann.ask(stun.MethodBinding)
	v, err := m.Get(stun.AttrXORMappedAddress)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := xorAddress(v, m.TransactionID); !ok || got != ann.at {
		t.Fatalf("mapped %v", got)
	}
	if c := code(ann.ask(stun.MethodBinding, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: make([]byte, 4)})); c != 420 {
		t.Errorf("an attribute that must be understood: %d", c)
	}
}

func TestRelayToRelay(t *testing.T) {
	b := newBench(t, Config{})
	ann, ben := b.person("192.0.2.1:1000", "ann"), b.person("192.0.2.2:2000", "ben")
	relayA, relayB := ann.allocate(), ben.allocate()
	if relayA.Addr() != serverAddr || relayA == relayB {
		t.Fatalf("relays %v and %v", relayA, relayB)
	}
	ann.send(relayB, []byte("too early"))
	b.wantCount(DropNoPermission, 1)
	if c := ann.permit(relayB); c != 0 {
		t.Fatalf("permission: %d", c)
	}
	ann.send(relayB, []byte("not wanted"))
	b.wantCount(DropNotPermitted, 1)
	if c := ben.bind(0x4001, relayA); c != 0 {
		t.Fatalf("channel: %d", c)
	}
	ann.send(relayB, []byte("hello"))
	if got := ben.taken(); !bytes.Equal(got, []byte("\x40\x01\x00\x05hello")) {
		t.Fatalf("ben got %x", got)
	}
	ben.give([]byte("\x40\x01\x00\x05world\x00\x00\x00"))
	m := ann.answer()
	data, err := m.Get(stun.AttrData)
	if m.Type != stun.NewType(stun.MethodData, stun.ClassIndication) || err != nil || string(data) != "world" {
		t.Fatalf("ann got %v", m)
	}
	v, _ := m.Get(stun.AttrXORPeerAddress)
	if from, _ := xorAddress(v, m.TransactionID); from != relayB {
		t.Errorf("from %v", from)
	}
	b.now = b.now.Add(permissionLife)
	ann.send(relayB, []byte("late"))
	b.wantCount(DropNoPermission, 2)
}

func TestRelayToServer(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	ann.allocate()
	if c := ann.permit(mediaAddr); c != 0 {
		t.Fatalf("permission: %d", c)
	}
	ann.send(mediaAddr, []byte("a check"))
	if len(b.media.links) != 1 || string(b.media.links[0]) != "a check" {
		t.Fatalf("entered: %q", b.media.links)
	}
	for addr := range b.byClient[client{remote: ann.at, local: serverAddr}].permissions { // Send has the real clock
		b.byClient[client{remote: ann.at, local: serverAddr}].permissions[addr] = time.Now().AddDate(100, 0, 0)
	}
	b.byClient[client{remote: ann.at, local: serverAddr}].show()
	if !b.media.back.Send([]byte("its answer")) {
		t.Fatal("the answer was dropped")
	}
	if m := ann.answer(); m == nil || !m.Contains(stun.AttrData) {
		t.Fatalf("ann got %v", m)
	}
	b.media.has = false
	ann.send(mediaAddr, []byte("of no link"))
	b.wantCount(DropNoLink, 1)
	ann.ask(stun.MethodRefresh, lifetime(0))
	if !b.media.back.Closed() || b.media.back.Send([]byte("late")) {
		t.Error("the relay goes on after its end")
	}
}

// TestPeersRefused has a client ask for everything that is not relayed to, virtually and with real sockets.
func TestPeersRefused(t *testing.T) {
	for _, sockets := range []*Sockets{nil, {Min: 40000, Max: 45000}} {
		b := newBench(t, Config{Sockets: sockets})
		b.machine[netip.MustParseAddr("198.51.100.77")] = true
		ann := b.person("192.0.2.1:1000", "ann")
		ann.allocate()
		refused := uint64(0)
		for _, addr := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
			"0.0.0.0", "224.0.0.1", "255.255.255.255", "198.51.100.77"} {
			for _, c := range []int{ann.permit(netip.AddrPortFrom(netip.MustParseAddr(addr), 80)), ann.bind(0x4000, netip.AddrPortFrom(netip.MustParseAddr(addr), 80))} {
				if refused++; c != 403 {
					t.Errorf("%s: %d", addr, c)
				}
			}
		}
		for _, port := range []uint16{22, 80, 8080, 1} { // the server's own ports
			if refused++; ann.bind(0x4000, netip.AddrPortFrom(serverAddr, port)) != 403 {
				t.Errorf("own port %d", port)
			}
		}
		b.wantCount(RefusedPeer, refused)
		if c := ann.permit(netip.MustParseAddrPort("[::ffff:127.0.0.1]:80")); c != 443 && c != 403 {
			t.Errorf("loopback in disguise: %d", c)
		}
		if c := ann.permit(mediaAddr); c != 0 {
			t.Fatal(c)
		}
		ann.send(netip.AddrPortFrom(serverAddr, 22), []byte("SSH"))
		b.wantCount(DropPeer, 1)
		want := 403
		if sockets != nil {
			want = 0
		}
		if c := ann.permit(netip.MustParseAddrPort("1.1.1.1:53")); c != want {
			t.Errorf("the public internet with %+v: %d", sockets, c)
		}
		for _, a := range b.byClient {
			b.mu.Lock()
			b.end(a)
			b.mu.Unlock()
		}
		b.wg.Wait()
	}
}

func TestMappedAddressesAreSeenThrough(t *testing.T) {
	b := newBench(t, Config{Sockets: &Sockets{Min: 40000, Max: 45000}})
	for _, addr := range []string{"::ffff:10.0.0.1", "::1", "fe80::1", "fd00::1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1"} {
		if a := netip.MustParseAddr(addr); b.mayPermit(a) || b.mayPermit(a.Unmap()) {
			t.Errorf("%s is relayed to", addr)
		}
	}
	if !b.mayPermit(netip.MustParseAddr("2606:4700:4700::1111")) {
		t.Error("a public address is not")
	}
	b.cfg.Sockets.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if !b.mayPermit(netip.MustParseAddr("10.0.0.1")) || b.mayPermit(netip.MustParseAddr("192.168.0.1")) {
		t.Error("what is configured does not count")
	}
}

func TestCredentials(t *testing.T) {
	b := newBench(t, Config{})
	for name, c := range map[string]struct {
		spoil func(p *person)
		why   Reason
		code  int
	}{
		"wrong password":        {func(p *person) { p.password = "guess" }, RefusedCredentials, 401},
		"another's name":        {func(p *person) { p.name, _ = b.cfg.Secret.Mint("demo", "eve", epoch.Add(time.Hour)) }, RefusedCredentials, 401},
		"a later end":           {func(p *person) { p.name = "9" + p.name }, RefusedCredentials, 401},
		"no name of ours":       {func(p *person) { p.name = "root" }, RefusedCredentials, 401},
		"expired":               {func(p *person) { p.name, p.password = b.cfg.Secret.Mint("demo", "x", epoch) }, RefusedExpired, 401},
		"a nonce of another":    {func(p *person) { p.nonce = b.nonces.mint(epoch, netip.MustParseAddr("192.0.2.99")) }, RefusedForgedNonce, 438},
		"a nonce of nobody":     {func(p *person) { p.nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAA" }, RefusedForgedNonce, 438},
		"an old nonce replayed": {func(p *person) { p.nonce = b.nonces.mint(epoch.Add(-nonceLife), p.at.Addr()) }, RefusedStaleNonce, 438},
	} {
		p := b.person("192.0.2.1:1000", "ann")
		p.ask(stun.MethodAllocate, udpTransport)
		c.spoil(p)
		before := b.counters.reasons[c.why].Load()
		m := p.ask(stun.MethodAllocate, udpTransport)
		if code(m) != c.code || !m.Contains(stun.AttrNonce) || !m.Contains(stun.AttrRealm) {
			t.Errorf("%s: %v", name, m)
		}
		b.wantCount(c.why, before+1)
		if len(b.byClient) != 0 {
			t.Fatalf("%s: an allocation", name)
		}
	}
}

// TestExpiredCredentialsServeOn has credentials end while their allocation lives.
func TestExpiredCredentialsServeOn(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	ann.allocate()
	b.now = epoch.Add(time.Hour + time.Minute)
	ann.nonce = b.nonces.mint(b.now, ann.at.Addr())
	if c := code(ann.ask(stun.MethodRefresh)); c != 0 {
		t.Errorf("refresh: %d", c)
	}
	eve := b.person("192.0.2.1:1000", "eve")
	eve.nonce = ann.nonce
	if c := code(eve.ask(stun.MethodRefresh, lifetime(0))); c != 441 {
		t.Errorf("another's allocation: %d", c)
	}
}

func TestFloods(t *testing.T) {
	b := newBench(t, Config{PerIdentity: 3, Allocations: 5})
	for i := range 3 {
		b.person(fmt.Sprintf("192.0.2.1:%d", 1000+i), "ann").allocate()
	}
	greedy := b.person("192.0.2.1:2000", "ann")
	greedy.ask(stun.MethodAllocate, udpTransport)
	for range 10 {
		if c := code(greedy.ask(stun.MethodAllocate, udpTransport)); c != 486 {
			t.Fatalf("over the identity's quota: %d", c)
		}
	}
	b.wantCount(RefusedQuota, 10)
	for i := range 2 {
		b.person(fmt.Sprintf("192.0.2.2:%d", 1000+i), "ben").allocate()
	}
	late := b.person("192.0.2.3:1000", "cem")
	late.ask(stun.MethodAllocate, udpTransport)
	if c := code(late.ask(stun.MethodAllocate, udpTransport)); c != 508 {
		t.Errorf("over what the server has: %d", c)
	}
	b.now = b.now.Add(time.Minute)
	stranger := b.person("192.0.2.4:1000", "dan")
	for range 1000 {
		stranger.ask(stun.MethodBinding)
		stranger.taken()
	}
	b.wantCount(DropFlood, 1000-floodBurst)
}

func TestBandwidth(t *testing.T) {
	b := newBench(t, Config{IdentityRate: 3000})
	ann := b.person("192.0.2.1:1000", "ann")
	ann.allocate()
	ann.bind(0x4000, mediaAddr)
	packet := append([]byte{0x40, 0, 0x03, 0xe8}, make([]byte, 1000)...)
	for range 10 {
		ann.give(packet)
	}
	if n := len(b.media.links); n != 3 {
		t.Errorf("%d packets of 1000 bytes passed", n)
	}
	b.wantCount(DropIdentityRate, 7)
	b.now = b.now.Add(time.Second)
	ann.give(packet)
	if n := len(b.media.links); n != 4 {
		t.Errorf("%d packets after a second", n)
	}
}

func TestOddRequests(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	ann.ask(stun.MethodAllocate, udpTransport)
	raw := func(typ stun.AttrType, v ...byte) stun.Setter { return stun.RawAttribute{Type: typ, Value: v} }
	for name, c := range map[string]struct {
		attrs []stun.Setter
		code  int
	}{
		"no transport":         {nil, 400},
		"TCP":                  {[]stun.Setter{raw(stun.AttrRequestedTransport, 6, 0, 0, 0)}, 442},
		"DONT-FRAGMENT":        {[]stun.Setter{udpTransport, raw(stun.AttrDontFragment)}, 420},
		"IPv6 where none is":   {[]stun.Setter{udpTransport, raw(stun.AttrRequestedAddressFamily, 2, 0, 0, 0)}, 440},
		"a family of nobody":   {[]stun.Setter{udpTransport, raw(stun.AttrRequestedAddressFamily, 9, 0, 0, 0)}, 440},
		"a reserved port":      {[]stun.Setter{udpTransport, raw(stun.AttrEvenPort, 0x80)}, 508},
		"a token of nobody":    {[]stun.Setter{udpTransport, raw(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8)}, 508},
		"a token and a family": {[]stun.Setter{udpTransport, raw(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8), raw(stun.AttrRequestedAddressFamily, 1, 0, 0, 0)}, 400},
	} {
		if got := code(ann.ask(stun.MethodAllocate, c.attrs...)); got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
	}
	if c := code(ann.ask(stun.MethodRefresh)); c != 437 {
		t.Errorf("refresh of nothing: %d", c)
	}
	if relay := ann.allocate(); code(ann.ask(stun.MethodAllocate, udpTransport)) != 437 {
		t.Errorf("two relays on one address, the first %v", relay)
	}
	for name, c := range map[string][]stun.Setter{
		"no peer": {}, "half a peer": {raw(stun.AttrXORPeerAddress, 0, 1, 2)},
	} {
		if got := code(ann.ask(stun.MethodCreatePermission, c...)); got != 400 {
			t.Errorf("%s: %d", name, got)
		}
	}
	if c := ann.bind(0x3fff, mediaAddr); c != 400 {
		t.Errorf("a number below: %d", c)
	}
	if ann.bind(0x4000, mediaAddr) != 0 || ann.bind(0x4001, mediaAddr) != 400 || ann.bind(0x4000, mediaAddr) != 0 {
		t.Error("a peer has one channel, which can be bound again")
	}
}

// TestAllocationsEnd has the time pass.
func TestAllocationsEnd(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	m := func() *stun.Message {
		ann.ask(stun.MethodAllocate, udpTransport)
		return ann.ask(stun.MethodAllocate, udpTransport, lifetime(24*time.Hour))
	}()
	if v, err := m.Get(stun.AttrLifetime); err != nil || !bytes.Equal(v, []byte{0, 0, 0x0e, 0x10}) {
		t.Errorf("a day is capped to an hour: %x %v", v, err)
	}
	b.expire(b.now.Add(maxLife - time.Second))
	if len(b.byClient) != 1 {
		t.Fatal("ended early")
	}
	b.expire(b.now.Add(maxLife))
	if len(b.byClient) != 0 || len(b.byPort) != 0 || len(b.users) != 0 {
		t.Errorf("left: %v %v %v", b.byClient, b.byPort, b.users)
	}
}

func TestAttributesAfterIntegrityAreIgnored(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.person("192.0.2.1:1000", "ann")
	ann.allocate()
	m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodCreatePermission, stun.ClassRequest),
		stun.NewUsername(ann.name), stun.NewRealm("switchyard"), stun.NewNonce(ann.nonce),
		stun.NewLongTermIntegrity(ann.name, "switchyard", ann.password), peerAt(mediaAddr))
	if err != nil {
		t.Fatal(err)
	}
	ann.give(m.Raw)
	if c := code(ann.answer()); c != 400 {
		t.Errorf("a peer that nobody vouches for: %d", c)
	}
}
