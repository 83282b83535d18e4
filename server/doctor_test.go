package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client/doctor"
	"switchyard/protocol"
	"switchyard/sfu"
)

// decode reads a JSON answer.
func decode[T any](t *testing.T, body string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

func TestDoctorMeasuresHTTP(t *testing.T) {
	s := run(t, Config{})
	facts := decode[protocol.DoctorFacts](t, third(s.call("GET", "/v1/doctor", "")))
	if facts.MediaPort != int(s.MediaAddr().Port()) || facts.Seen != "127.0.0.1" {
		t.Errorf("%+v", facts)
	}
	before := time.Now().Add(-time.Microsecond)
	now := decode[protocol.DoctorTime](t, third(s.call("GET", "/v1/doctor/time", "")))
	if now.Received < before.UnixMicro() || now.Sent < now.Received || now.Sent > time.Now().UnixMicro() {
		t.Errorf("%+v", now)
	}
	if status, _, body := s.call("GET", "/v1/doctor/down?bytes=100001", ""); status != 200 || len(body) != 100001 {
		t.Errorf("%d: %d bytes", status, len(body))
	}
	for _, bad := range []string{"", "?bytes=0", "?bytes=-1", "?bytes=4194305", "?bytes=9999999999999999999999", "?bytes=x"} {
		status, h, body := s.call("GET", "/v1/doctor/down"+bad, "")
		wantProblem(t, bad, status, h, body, 400, protocol.CodeBadMessage)
	}
	up := decode[protocol.DoctorUpload](t, third(s.call("POST", "/v1/doctor/up", strings.Repeat("x", 70000))))
	if up.Bytes != 70000 {
		t.Errorf("%+v", up)
	}
	status, h, body := s.call("POST", "/v1/doctor/up", strings.Repeat("x", maxBody+1))
	wantProblem(t, "too large", status, h, body, 413, protocol.CodeBadMessage)
}

func third[A, B, C any](_ A, _ B, c C) C { return c }

// from makes a request as if it came from another machine.
func (s *testServer) from(addr, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = addr
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func TestDoctorAllowances(t *testing.T) {
	t.Parallel()
	s := run(t, Config{RequestRate: 1e6, RequestBurst: 1e6, backend: func(*Server) (*Backend, error) {
		return &Backend{Diagnose: func(string) (string, error) { return "answer", nil }}, nil
	}})
	s.doctor.links.rate, s.doctor.bytes.rate = 0, 0 // what comes back with time is tested with the limiter
	allowed := 0
	for range 3 * linkBurst {
		w := s.from("203.0.113.1:1000", "POST", "/v1/doctor/link", `{"sdp":"v=0"}`)
		if w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
		allowed++
	}
	if allowed != linkBurst {
		t.Errorf("%d links were allowed, not %d", allowed, linkBurst)
	}
	if w := s.from("203.0.113.2:1000", "POST", "/v1/doctor/link", `{"sdp":"v=0"}`); w.Code != 200 {
		t.Errorf("another address: %d", w.Code)
	}
	sum := 0
	for range bytesBurst/maxDownload + 5 {
		if w := s.from("203.0.113.1:1000", "GET", "/v1/doctor/down?bytes="+strconv.Itoa(maxDownload), ""); w.Code == 200 {
			sum += w.Body.Len()
		}
	}
	if sum != bytesBurst {
		t.Errorf("%d bytes were allowed, not %d", sum, bytesBurst)
	}
}

func TestDoctorRefusesBadOffers(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	for body, want := range map[string]int{"": 400, "{}": 400, `{"sdp":7}`: 400, `{"sdp":"v=0"}`: 422, `{"sdp":"` + strings.Repeat("x", 1000) + `"}`: 422} {
		if status, _, answer := s.call("POST", "/v1/doctor/link", body); status != want {
			t.Errorf("%.40q: %d %s", body, status, answer)
		}
	}
}

func TestAnswerTo(t *testing.T) {
	ask := func(size, answer int) []byte {
		b := make([]byte, size)
		binary.BigEndian.PutUint32(b, uint32(answer))
		return b
	}
	for _, c := range []struct{ size, answer, budget, want int }{
		{16, 16, 100, 16}, {16, 16384, 1 << 20, 16384}, {16384, 16, 100, 16}, {16, 100, 99, 0},
		{16, 15, 100, 0}, {16, 16385, 1 << 20, 0}, {15, 16, 100, 0}, {16, 0xffffffff, 1 << 30, 0},
	} {
		q := ask(max(c.size, 4), c.answer)[:c.size]
		if got := answerTo(q, c.budget); len(got) != c.want {
			t.Errorf("%+v: %d bytes", c, len(got))
		}
	}
	if answerTo(nil, 100) != nil {
		t.Error("answered nothing")
	}
}

func FuzzAnswerTo(f *testing.F) {
	f.Add([]byte{0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 100)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1<<30)
	f.Fuzz(func(t *testing.T, q []byte, budget int) {
		if a := answerTo(q, budget); a != nil && (len(a) > budget || len(a) > echoMax || string(a[:echoHead]) != string(q[:echoHead])) {
			t.Errorf("%d bytes", len(a))
		}
	})
}

// TestDoctorLinksEnd: links are limited while they live, and end by themselves.
func TestDoctorLinksEnd(t *testing.T) {
	forward, err := sfu.New(sfu.Config{Listen: loopbackAny})
	if err != nil {
		t.Fatal(err)
	}
	defer forward.Close()
	var links []*sfu.Link
	e := &echoes{life: time.Hour}
	e.connect = func(offer string, o sfu.LinkOptions) (*sfu.Link, string, error) {
		link, answer, err := forward.Connect(offer, o)
		links = append(links, link)
		return link, answer, err
	}
	pc := newPeer(t, false)
	if _, err := pc.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range doctorLinks {
		if _, err := e.diagnose(offer.SDP); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.diagnose(offer.SDP); err != errEchoesFull {
		t.Errorf("%d links at once, then %v", e.open.Load(), err)
	}
	links[0].Close()
	waitFor(t, func() bool { return e.open.Load() == doctorLinks-1 })
	e.life = time.Millisecond
	if _, err := e.diagnose(offer.SDP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return e.open.Load() == doctorLinks-1 }) // by itself
	for _, l := range links {
		l.Close()
	}
	waitFor(t, func() bool { return e.open.Load() == 0 && forward.Stats().Links == 0 })
}

// TestDoctorFindsAServerWell runs the whole doctor against the whole server.
func TestDoctorFindsAServerWell(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	report, err := doctor.Run(t.Context(), doctor.Options{
		URL: s.base, Token: strings.TrimPrefix(s.bearer("", "admin"), "Authorization: Bearer "), PathTime: patience, MeasureTime: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]protocol.Finding{}
	for _, f := range report.Findings {
		t.Logf("%s %s: %s %s", f.State, f.Title, f.Text, f.Fix)
		got[f.ID] = f
	}
	for _, id := range []string{"http", "clock", "websocket", "udp-ipv4", "tcp-ipv4", "media", "nat-ipv4", "mtu-ipv4", "codecs", "server-certificate", "server-drops"} {
		if got[id].State != protocol.FindingOK {
			t.Errorf("%s: %+v", id, got[id])
		}
	}
	for _, id := range []string{"echo", "link-speed", "http-speed"} { // a busy machine may be slow
		if got[id].State == protocol.FindingSkip || len(got[id].Values) == 0 {
			t.Errorf("%s: %+v", id, got[id])
		}
	}
	if got["udp-ipv6"].State != protocol.FindingSkip {
		t.Errorf("the server has no IPv6: %+v", got["udp-ipv6"])
	}
	if f := got["server-addresses"]; f.State != protocol.FindingWarn || !strings.Contains(f.Text, "nobody but this machine") {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(got["media"].Text, "UDP") {
		t.Errorf("%+v", got["media"])
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	for _, path := range []string{"/v1/admin/overview", "/v1/admin/live", "/v1/admin/doctor"} {
		status, h, body := s.call("GET", path, "")
		wantProblem(t, path, status, h, body, 401, protocol.CodeUnauthorized)
		status, h, body = s.call("GET", path, "", s.bearer("r", "publish,moderate"))
		wantProblem(t, path, status, h, body, 403, protocol.CodeForbidden)
	}
	s.publish("demo", false)
	deadline := time.Now().Add(patience)
	var view protocol.Overview
	for time.Now().Before(deadline) {
		view = decode[protocol.Overview](t, third(s.call("GET", "/v1/admin/overview", "", s.bearer("", "admin"))))
		if len(view.Rooms) == 1 && len(view.Rooms[0].Links) == 1 && len(view.Rooms[0].Links[0].In) == 1 && view.Rooms[0].Links[0].In[0].Packets > 5 {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	if len(view.Rooms) != 1 || view.Rooms[0].Room != "demo" || len(view.Rooms[0].Links) != 1 {
		t.Fatalf("%+v", view.Rooms)
	}
	link := view.Rooms[0].Links[0]
	if !link.Up || link.Transport != "udp" || link.Participant == "" || link.In[0].Codec != "VP8" || link.In[0].Bytes == 0 || link.In[0].Kind != protocol.KindVideo {
		t.Errorf("%+v", link)
	}
	if f := view.Server; f.Cores < 1 || f.CPUSeconds <= 0 || f.MemoryBytes == 0 || f.Counters["rooms"] != 1 || f.Counters["rtp_received_total"] == 0 {
		t.Errorf("%+v", f)
	}
}

// live opens the live overview and returns a reader of its events.
func (s *testServer) live(ctx context.Context) (next func() (protocol.Overview, bool), status int) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+"/v1/admin/live", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	name, value, _ := strings.Cut(s.bearer("", "admin"), ": ")
	req.Header.Set(name, value)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func() (protocol.Overview, bool) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return decode[protocol.Overview](s.t, data), true
			}
		}
		return protocol.Overview{}, false
	}, res.StatusCode
}

func TestLiveOverview(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	began := time.Now()
	next, status := s.live(t.Context())
	_, ok := next()
	if status != 200 || !ok {
		t.Fatal(status, ok)
	}
	second, ok := next()
	if since := time.UnixMicro(second.At).Sub(began); !ok || since < liveEvery-time.Millisecond { // the one clock is cut to microseconds
		t.Errorf("the second after %v", since)
	}
	for range maxLive - 1 {
		if _, status := s.live(t.Context()); status != 200 {
			t.Fatal(status)
		}
	}
	if _, status := s.live(t.Context()); status != http.StatusTooManyRequests {
		t.Errorf("one more than %d: %d", maxLive, status)
	}
	s.stop() // the server ends though pages watch
	for ok {
		_, ok = next()
	}
}

var loopbackAny = netip.MustParseAddrPort("127.0.0.1:0")

func TestReachOf(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "loopback", "::1": "loopback", "10.1.2.3": "private", "127.0.0.1 192.168.0.4": "private", "100.64.3.3": "private",
		"fd00::2": "private", "192.168.0.4 203.0.113.9": "public", "2001:db8::1 10.0.0.1": "public", "": "loopback",
	} {
		if got := reachOf(addrs(strings.Fields(text)...)); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// The offer of a link with media is answered too: the doctor learns the server's codecs by it.
func TestDoctorLinkNamesCodecs(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	pc := newPeer(t, false)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(protocol.DoctorOffer{SDP: offer.SDP})
	if err != nil {
		t.Fatal(err)
	}
	link := decode[protocol.DoctorLink](t, third(s.call("POST", "/v1/doctor/link", string(body))))
	if !strings.Contains(link.SDP, "VP8/90000") || strings.Contains(link.SDP, "a=sendrecv") || strings.Contains(link.SDP, "a=recvonly") {
		t.Errorf("%s", link.SDP)
	}
}

// A body without a length counts as much as it may have: nobody measures without end by leaving it out.
func TestUploadWithoutLengthCounts(t *testing.T) {
	s := run(t, Config{})
	upload := func(from string) int {
		r := httptest.NewRequest("POST", "/v1/doctor/up", strings.NewReader("xxxx"))
		r.RemoteAddr, r.ContentLength = from, -1
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		return w.Code
	}
	n := 0
	s.doctor.bytes.rate = 0 // nothing comes back with time
	for ; n < 10_000 && upload("192.0.2.1:1") == 200; n++ {
		s.requests = newLimiter(1e9, 1e9) // this test is not about them
	}
	if n != bytesBurst/maxBody {
		t.Errorf("%d uploads were taken, not %d", n, bytesBurst/maxBody)
	}
	if code := upload("192.0.2.2:1"); code != 200 {
		t.Errorf("another address gets %d", code)
	}
}
