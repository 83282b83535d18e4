package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"switchyard/protocol"
)

func TestClockOffset(t *testing.T) {
	sent := time.UnixMicro(1_000_000)
	// 30 ms there, 2 ms in the server, 10 ms back; the server is 5 s ahead.
	back := sent.Add(42 * time.Millisecond)
	offset, half := clockOffset(sent, back, protocol.DoctorTime{Received: 6_030_000, Sent: 6_032_000})
	if half != 20*time.Millisecond || offset < 5*time.Second-half || offset > 5*time.Second+half {
		t.Fatalf("offset %v within %v", offset, half)
	}
	for _, c := range []struct {
		offset, within time.Duration
		state          protocol.FindingState
		word           string
	}{
		{3 * time.Millisecond, time.Millisecond, protocol.FindingOK, "agree"},
		{-4 * time.Second, time.Millisecond, protocol.FindingWarn, "behind"},
		{-4 * time.Second, 3 * time.Second, protocol.FindingOK, "agree"}, // may as well be right
		{time.Minute, time.Millisecond, protocol.FindingFail, "ahead"},
	} {
		if state, text, fix := judgeClock(c.offset, c.within); state != c.state || !strings.Contains(text, c.word) || (state == protocol.FindingOK) != (fix == "") {
			t.Errorf("%v within %v: %s %q %q", c.offset, c.within, state, text, fix)
		}
	}
}

// issue makes a certificate by parent, or by itself when that is nil.
func issue(t *testing.T, name string, from, until time.Time, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: from, NotAfter: until, BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestJudgeCertificate(t *testing.T) {
	now := time.Now()
	far, soon, past := now.Add(90*24*time.Hour), now.Add(5*24*time.Hour), now.Add(-time.Hour)
	root, key := issue(t, "root.test", now.Add(-24*time.Hour), far, nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	good, _ := issue(t, "meet.test", past, far, root, key)
	ending, _ := issue(t, "meet.test", past, soon, root, key)
	expired, _ := issue(t, "meet.test", now.Add(-24*time.Hour), past, root, key)
	early, _ := issue(t, "meet.test", soon, far, root, key)
	self, _ := issue(t, "meet.test", past, far, nil, nil)
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		roots *x509.CertPool
		host  string
		state protocol.FindingState
		word  string
	}{
		"good":        {[]*x509.Certificate{good}, roots, "meet.test", protocol.FindingOK, "good until"},
		"ends soon":   {[]*x509.Certificate{ending}, roots, "meet.test", protocol.FindingWarn, "only until"},
		"expired":     {[]*x509.Certificate{expired}, roots, "meet.test", protocol.FindingFail, "expired"},
		"not yet":     {[]*x509.Certificate{early}, roots, "meet.test", protocol.FindingFail, "begins"},
		"other name":  {[]*x509.Certificate{good}, roots, "call.test", protocol.FindingFail, "not for call.test but for meet.test"},
		"self-signed": {[]*x509.Certificate{self}, roots, "meet.test", protocol.FindingFail, "for itself"},
		"unknown CA":  {[]*x509.Certificate{good}, x509.NewCertPool(), "meet.test", protocol.FindingFail, "root.test"},
		"none":        {nil, roots, "meet.test", protocol.FindingFail, "no certificate"},
	} {
		state, text, fix := judgeCertificate(c.chain, c.host, c.roots, now)
		if state != c.state || !strings.Contains(text, c.word) || (state == protocol.FindingOK) != (fix == "") {
			t.Errorf("%s: %s %q %q", name, state, text, fix)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	o := readAnswer(strings.Join([]string{
		"v=0", "a=ice-ufrag:0abc", "a=ice-pwd:secret", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=rtpmap:111 opus/48000/2",
		"a=candidate:1 1 udp 2130706431 192.0.2.7 8443 typ host", "a=candidate:1 1 udp 2130706431 192.0.2.7 8443 typ host",
		"a=candidate:2 1 TCP 1 2001:db8::7 8443 typ host tcptype passive", "a=candidate:3 1 udp 1 name.local 9 typ host",
		"a=candidate:4 1 udp 1 192.0.2.7 0 typ host", "a=candidate:5 1 udp 1 192.0.2.7 70000 typ host",
	}, "\r\n"))
	if o.ufrag != "0abc" || o.pwd != "secret" || strings.Join(o.codecs, " ") != "VP8 rtx opus" {
		t.Errorf("%+v", o)
	}
	want := []candidate{{netip.MustParseAddrPort("192.0.2.7:8443"), false}, {netip.MustParseAddrPort("[2001:db8::7]:8443"), true}}
	if len(o.candidates) != 2 || o.candidates[0] != want[0] || o.candidates[1] != want[1] {
		t.Errorf("%v", o.candidates)
	}
	kept := keepCandidates("a=x\r\na=candidate:1 1 udp 1 192.0.2.7 8443 typ host\r\na=candidate:2 1 tcp 1 192.0.2.7 8443 typ host tcptype passive\r\na=end\r\n", ways[2])
	if kept != "a=x\r\na=candidate:2 1 tcp 1 192.0.2.7 8443 typ host tcptype passive\r\na=end\r\n" {
		t.Errorf("%q", kept)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("a=ice-ufrag:x\r\na=candidate:1 1 udp 1 192.0.2.7 8443 typ host\r\na=rtpmap:96 VP8/90000\n")
	f.Add("a=candidate:\na=rtpmap: /\n")
	f.Fuzz(func(t *testing.T, sdp string) {
		for _, c := range readAnswer(sdp).candidates {
			if !c.addr.IsValid() || c.addr.Port() == 0 {
				t.Errorf("%v", c)
			}
		}
		for _, w := range ways {
			for _, c := range readAnswer(keepCandidates(sdp, w)).candidates {
				if !c.of(w) {
					t.Errorf("%s kept %v", w.id, c)
				}
			}
		}
	})
}

func FuzzReadBinding(f *testing.F) {
	id := [stun.TransactionIDSize]byte{1, 2, 3}
	good := stun.MustBuild(stun.NewTransactionIDSetter(id), stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(192, 0, 2, 1), Port: 5}, &stun.OtherAddress{IP: net.IPv4(192, 0, 2, 2), Port: 6})
	f.Add(good.Raw)
	f.Add(good.Raw[:24])
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := readBinding(b, id); ok && !got.mapped.IsValid() {
			t.Error("no address")
		}
	})
}

// stunServer answers binding requests on loopback addresses. To be like a server behind a NAT it says
// what mapped returns; with other it has a second address and can answer from there (RFC 5780).
type stunServer struct {
	first, second *net.UDPConn
	mapped        func(server int, from netip.AddrPort) netip.AddrPort
	filtered      bool // answers from elsewhere do not come through
}

func newSTUNServer(t *testing.T, two, filtered bool, mapped func(int, netip.AddrPort) netip.AddrPort) *stunServer {
	t.Helper()
	s := &stunServer{mapped: mapped, filtered: filtered}
	open := func(ip string, port int) *net.UDPConn {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	s.first = open("127.0.0.1", 0)
	if two {
		s.second = open("127.0.0.2", s.first.LocalAddr().(*net.UDPAddr).Port)
		go s.serve(1, s.second)
	}
	go s.serve(0, s.first)
	return s
}

func (s *stunServer) serve(i int, conn *net.UDPConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		m := &stun.Message{Raw: b[:n]}
		if m.Decode() != nil {
			continue
		}
		seen := s.mapped(i, from)
		setters := []stun.Setter{stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: seen.Addr().AsSlice(), Port: int(seen.Port())}}
		if s.second != nil {
			other := s.second.LocalAddr().(*net.UDPAddr)
			setters = append(setters, &stun.OtherAddress{IP: other.IP, Port: other.Port})
		}
		out := conn
		if change, err := m.Get(attrChangeRequest); err == nil && change[3] != 0 {
			if out = s.second; s.filtered {
				continue
			}
		}
		out.WriteToUDPAddrPort(stun.MustBuild(setters...).Raw, from)
	}
}

func (s *stunServer) addr() string { return s.first.LocalAddr().String() }

func TestKindOfNAT(t *testing.T) {
	same := func(_ int, from netip.AddrPort) netip.AddrPort { return from }
	cone := func(_ int, from netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), from.Port())
	}
	symmetric := func(i int, from netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), from.Port()+uint16(i)+1)
	}
	for name, c := range map[string]struct {
		two, filtered bool
		mapped        func(int, netip.AddrPort) netip.AddrPort
		state         protocol.FindingState
		words         []string
	}{
		"none":           {true, false, same, protocol.FindingOK, []string{"no NAT"}},
		"cone, open":     {true, false, cone, protocol.FindingOK, []string{"to everybody", "from anybody"}},
		"cone, filtered": {true, true, cone, protocol.FindingOK, []string{"to everybody", "same address and port only"}},
		"symmetric":      {true, true, symmetric, protocol.FindingWarn, []string{"another address or port for each server", "relay"}},
		"one address":    {false, false, cone, protocol.FindingOK, []string{"keeps the port", "cannot be known"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSTUNServer(t, c.two, c.filtered, c.mapped)
			v := &visit{o: Options{STUN: []string{s.addr()}}}
			v.checkNAT(t.Context(), &offered{}, nil, false)
			f := v.findings[0]
			for _, w := range c.words {
				if f.State != c.state || !strings.Contains(f.Text, w) {
					t.Errorf("%s %q, want %s %q", f.State, f.Text, c.state, w)
				}
			}
		})
	}
}

func TestSilenceIsNoKindOfNAT(t *testing.T) {
	if state, text, _ := (mapping{}).judge(); state != protocol.FindingSkip || !strings.Contains(text, "Nothing answers") {
		t.Errorf("%s %q", state, text)
	}
}

func TestJudgements(t *testing.T) {
	trips := func(n int, each time.Duration) (out []time.Duration) {
		for range n {
			out = append(out, each)
		}
		return out
	}
	uneven := trips(50, 20*time.Millisecond)
	for i := range uneven {
		uneven[i] += time.Duration(i%2) * 60 * time.Millisecond
	}
	for name, c := range map[string]struct {
		e     echo
		state protocol.FindingState
		word  string
	}{
		"good":   {echo{100, trips(100, 20*time.Millisecond)}, protocol.FindingOK, "20 ms there and back"},
		"some":   {echo{100, trips(95, 20*time.Millisecond)}, protocol.FindingWarn, "5 % of 100"},
		"lossy":  {echo{100, trips(80, 20*time.Millisecond)}, protocol.FindingFail, "breaks up"},
		"slow":   {echo{100, trips(100, 700*time.Millisecond)}, protocol.FindingWarn, "each other's words"},
		"uneven": {echo{50, uneven}, protocol.FindingWarn, "varies"},
	} {
		if state, text, _ := judgeEcho(c.e, false); state != c.state || !strings.Contains(text, c.word) {
			t.Errorf("%s: %s %q", name, state, text)
		}
	}
	for least, want := range map[float64]protocol.FindingState{100e3: protocol.FindingFail, 900e3: protocol.FindingWarn, 20e6: protocol.FindingOK} {
		if state, _, fix := judgeSpeed("It carries", 50e6, least); state != want || (fix == "") != (want == protocol.FindingOK) {
			t.Errorf("%v: %s", least, state)
		}
	}
	for size, want := range map[int]protocol.FindingState{0: protocol.FindingWarn, 1228: protocol.FindingWarn, 1280: protocol.FindingOK, 1500: protocol.FindingOK} {
		if state, _, _ := judgeMTU(size); state != want {
			t.Errorf("MTU %d: %s", size, state)
		}
	}
}

// findings runs the doctor against a handler and returns what it found, by id.
func findings(t *testing.T, address string) map[string]protocol.Finding {
	t.Helper()
	report, err := Run(t.Context(), Options{URL: address, PathTime: time.Second, MeasureTime: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]protocol.Finding{}
	for _, f := range report.Findings {
		if f.Text == "" || f.Title == "" || f.Group == "" || f.State == protocol.FindingFail && f.Fix == "" {
			t.Errorf("incomplete: %+v", f)
		}
		out[f.ID] = f
	}
	return out
}

func TestWhatAnswersIsNoSwitchyard(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	f := findings(t, s.URL)["http"]
	if f.State != protocol.FindingFail || !strings.Contains(f.Text, "no Switchyard server") {
		t.Errorf("%+v", f)
	}
}

func TestNothingAnswers(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	f := findings(t, s.URL)["http"]
	if f.State != protocol.FindingFail || !strings.Contains(f.Text, "refused") {
		t.Errorf("%+v", f)
	}
}

func TestSelfSignedIsToldAndTheRestIsLookedAt(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	got := findings(t, s.URL)
	if f := got["certificate"]; f.State != protocol.FindingFail || f.Fix == "" {
		t.Errorf("%+v", f)
	}
	if f := got["http"]; !strings.Contains(f.Text, "404") {
		t.Errorf("the rest was not looked at: %+v", f)
	}
}

// TestTokenStaysHome: who did not prove to be the server gets no token.
func TestTokenStaysHome(t *testing.T) {
	leaked := make(chan string, 10)
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			leaked <- a
		}
	}))
	defer s.Close()
	v := &visit{o: Options{URL: s.URL, Token: "secret"}}
	v.base, _ = v.base.Parse(s.URL)
	v.checkCertificate(t.Context())
	v.checkServer(t.Context())
	if len(leaked) > 0 {
		t.Error("the token was sent")
	}
	if f := v.findings[1]; f.State != protocol.FindingSkip || !strings.Contains(f.Text, "prove") {
		t.Errorf("%+v", f)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{URL: "http://127.0.0.1:1"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Run(t.Context(), Options{URL: "meet.example.org"}); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
}

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "in time"},
		{errors.New("dial tcp 192.0.2.1:443: connect: connection refused"), "refused"},
		{errors.New("dial tcp: connect: network is unreachable"), "no way there"},
		{errors.New("a: b: what happened"), "what happened"},
	} {
		if got := reason(c.err); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q", c.err, got)
		}
	}
}

// A port that browsers refuse is said, since this program does not mind it.
func TestPortsThatBrowsersRefuse(t *testing.T) {
	offer := func(addrs ...string) *offered {
		o := &offered{}
		for _, a := range addrs {
			o.candidates = append(o.candidates, candidate{addr: netip.MustParseAddrPort(a)})
		}
		return o
	}
	if f, refused := refusedByBrowsers(offer("10.0.0.1:8443", "203.0.113.7:443")); refused {
		t.Errorf("%+v", f)
	}
	f, _ := refusedByBrowsers(offer("10.0.0.1:443", "10.0.0.1:443", "203.0.113.7:443"))
	if f.State != protocol.FindingOK || strings.Count(f.Text, "10.0.0.1:443") != 1 || f.Fix != "" {
		t.Errorf("%+v", f)
	}
	f, _ = refusedByBrowsers(offer("10.0.0.1:443"))
	if f.State != protocol.FindingFail || !strings.Contains(f.Fix, "--media") {
		t.Errorf("%+v", f)
	}
}
