package turn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

var (
	serverAddr = netip.MustParseAddr("198.18.0.1")
	mediaAddr  = netip.AddrPortFrom(serverAddr, 8443)
	epoch      = time.Unix(1_800_000_000, 0)
)

// fakeMedia is a media port that keeps what is written to it.
type fakeMedia struct {
	sent  map[netip.AddrPort][][]byte // by client
	links [][]byte                    // what entered
	back  Back
	has   bool // whether what enters belongs to a link
}

func (m *fakeMedia) Addresses() []netip.Addr { return []netip.Addr{serverAddr} }
func (m *fakeMedia) Port() uint16            { return mediaAddr.Port() }
func (m *fakeMedia) WriteTo(b []byte, to netip.AddrPort, _ netip.Addr) error {
	m.sent[to] = append(m.sent[to], append([]byte(nil), b...))
	return nil
}
func (m *fakeMedia) Enter(_ netip.AddrPort, _ netip.Addr, back Back) Entrance {
	m.back = back
	return m
}
func (m *fakeMedia) Receive(b []byte) bool {
	m.links = append(m.links, append([]byte(nil), b...))
	return m.has
}

// bench is a server without goroutines whose messages are given to it by hand.
type bench struct {
	*Server
	t     testing.TB
	media *fakeMedia
	now   time.Time
	lim   *limiter
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	secret, err := NewSecret([]byte("a key of the server"))
	if err != nil {
		t.Fatal(err)
	}
	c.Secret = secret
	b := &bench{Server: New(c), t: t, media: &fakeMedia{sent: map[netip.AddrPort][][]byte{}, has: true}, now: epoch, lim: newLimiter()}
	b.Server.media = b.media
	b.own[serverAddr], b.machine[serverAddr] = true, true
	return b
}

// person is a client by UDP.
type person struct {
	b              *bench
	at             netip.AddrPort
	name, password string
	nonce          string
}

func (b *bench) person(addr, identity string) *person {
	name, password := b.cfg.Secret.Mint("demo", identity, epoch.Add(time.Hour))
	return &person{b: b, at: netip.MustParseAddrPort(addr), name: name, password: password}
}

// give hands raw bytes to the server as if they came from p.
func (p *person) give(raw []byte) {
	p.b.receive(p.b.now, client{remote: p.at, local: serverAddr}, append([]byte(nil), raw...), p.b.lim)
}

// taken returns the oldest message to p, nil when there is none.
func (p *person) taken() []byte {
	list := p.b.media.sent[p.at]
	if len(list) == 0 {
		return nil
	}
	p.b.media.sent[p.at] = list[1:]
	return list[0]
}

// ask sends a request and returns the answer; nil where there is none.
func (p *person) ask(method stun.Method, attrs ...stun.Setter) *stun.Message {
	p.b.t.Helper()
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attrs...)
	if p.nonce != "" {
		all = append(all, stun.NewUsername(p.name), stun.NewRealm("switchyard"), stun.NewNonce(p.nonce),
			stun.NewLongTermIntegrity(p.name, "switchyard", p.password), stun.Fingerprint)
	}
	m, err := stun.Build(all...)
	if err != nil {
		p.b.t.Fatal(err)
	}
	p.give(m.Raw)
	return p.answer()
}

func (p *person) answer() *stun.Message {
	p.b.t.Helper()
	raw := p.taken()
	if raw == nil {
		return nil
	}
	m := &stun.Message{Raw: raw}
	if err := m.Decode(); err != nil {
		p.b.t.Fatalf("the server's answer is not STUN: %v %x", err, raw)
	}
	var nonce stun.Nonce
	if nonce.GetFrom(m) == nil {
		p.nonce = nonce.String()
	}
	return m
}

// code is the error of an answer, 0 for success, -1 for none.
func code(m *stun.Message) int {
	var e stun.ErrorCodeAttribute
	switch {
	case m == nil:
		return -1
	case e.GetFrom(m) == nil:
		return int(e.Code)
	}
	return 0
}

var udpTransport = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}

// allocate makes a relay, with the request that learns the nonce before it, and returns its address.
func (p *person) allocate() netip.AddrPort {
	p.b.t.Helper()
	if p.nonce == "" {
		if c := code(p.ask(stun.MethodAllocate, udpTransport)); c != 401 {
			p.b.t.Fatalf("allocate without credentials: %d", c)
		}
	}
	m := p.ask(stun.MethodAllocate, udpTransport)
	if c := code(m); c != 0 {
		p.b.t.Fatalf("allocate: %d", c)
	}
	v, err := m.Get(stun.AttrXORRelayedAddress)
	if err != nil {
		p.b.t.Fatal(err)
	}
	relay, _ := xorAddress(v, m.TransactionID)
	return relay
}

func peerAt(addr netip.AddrPort) stun.Setter { return address{stun.AttrXORPeerAddress, addr} }

func (p *person) permit(addr netip.AddrPort) int {
	return code(p.ask(stun.MethodCreatePermission, peerAt(addr)))
}

func (p *person) bind(n uint16, addr netip.AddrPort) int {
	channel := stun.RawAttribute{Type: stun.AttrChannelNumber, Value: []byte{byte(n >> 8), byte(n), 0, 0}}
	return code(p.ask(stun.MethodChannelBind, channel, peerAt(addr)))
}

// send is a Send indication.
func (p *person) send(to netip.AddrPort, data []byte) {
	m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peerAt(to),
		stun.RawAttribute{Type: stun.AttrData, Value: data})
	if err != nil {
		p.b.t.Fatal(err)
	}
	p.give(m.Raw)
}

// wantCount fails unless a reason was counted n times.
func (b *bench) wantCount(why Reason, n uint64) {
	b.t.Helper()
	if got := b.counters.reasons[why].Load(); got != n {
		b.t.Errorf("%v counted %d times, want %d", why, got, n)
	}
}
