package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/store"
)

// handOver makes a link for files.
func (s *testServer) handOver(body string, headers ...string) api.Transfer {
	s.t.Helper()
	status, h, answer := s.call("POST", "/v1/transfers", body, headers...)
	var made api.Transfer
	if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 201 {
		s.t.Fatalf("%d %s", status, answer)
	}
	if h.Get("Cache-Control") != "no-store" {
		s.t.Fatal("the token may be cached")
	}
	return made
}

// take accepts a link, or claims a code, and returns what the token says.
func (s *testServer) take(path string) (api.Accepted, auth.Claims) {
	s.t.Helper()
	a := asks[api.Accepted](s, 200, "POST", path, `{"name":"  Ann's\n phone "}`)
	c, err := auth.Verify(s.key, a.Token, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	if c.Opens(a.Room) != nil || c.Identity != a.Identity || c.Name != "Ann's phone" || c.Role != "receiver" || a.Role != "receiver" {
		s.t.Fatalf("claims %+v", c)
	}
	g := c.Grants
	if !g.Data || g.Publish != nil || g.Subscribe || g.Moderate || g.Admin {
		s.t.Fatalf("grants %+v", g)
	}
	if c.Options == nil || c.Options.Kind != protocol.KindTransfer {
		s.t.Fatalf("options %+v", c.Options)
	}
	return a, c
}

// enterWith opens the room's WebSocket with a token and sends join.
func (s *testServer) enterWith(room, token string) *person {
	s.t.Helper()
	conn := s.dial("/v1/rooms/"+room+"?token="+token, protocol.Subprotocol)
	if err := conn.Write(s.t.Context(), websocket.MessageText, []byte(`{"type":"join","id":1,"seq":1,"body":{"capabilities":{}}}`)); err != nil {
		s.t.Fatal(err)
	}
	return &person{s.t, conn}
}

// errorOf is what a person is told in the end.
func (s *testServer) errorOf(p *person) protocol.Error {
	s.t.Helper()
	var e protocol.Error
	if err := json.Unmarshal(s.await(p.conn, protocol.TypeError), &e); err != nil {
		s.t.Fatal(err)
	}
	return e
}

func TestTransfer(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	before := time.Now()
	made := s.handOver(`{}`)
	if made.Identity != "sender" || made.Receivers != 1 || made.Nameplate != 0 || len(made.ID) != 26 || !isTransferRoom(made.Room) ||
		made.URL != s.httpsFor(httptest.NewRequest("GET", s.base, nil))+"/t/"+made.ID {
		t.Fatalf("%+v", made)
	}
	if left := made.Expires.Sub(before); left < 9*time.Minute || left > 11*time.Minute {
		t.Fatalf("waits %v", left)
	}
	c, err := auth.Verify(s.key, made.Token, time.Now())
	if err != nil || c.Identity != "sender" || c.Role != "sender" || !c.Grants.Data || c.Expires.Before(before.Add(7*24*time.Hour)) || c.Options.Participants != 9 {
		t.Fatalf("%+v %v", c, err)
	}
	path := "/v1/transfers/" + made.ID
	for range 3 { // what preview bots do takes nothing
		for _, look := range []string{path, "/t/" + made.ID} {
			s.call("HEAD", look, "")
			if status, _, body := s.call("GET", look, ""); status != 200 || strings.Contains(body, made.Room) {
				t.Fatalf("%s: %d %s", look, status, body)
			}
		}
	}
	if _, _, body := s.call("GET", path, ""); !strings.Contains(body, `"valid":true`) || !strings.Contains(body, `"left":1`) {
		t.Fatal(body)
	}
	receiver, rc := s.take(path + "/accept")
	if !strings.HasPrefix(receiver.Identity, "r-") || rc.Expires.Before(before.Add(24*time.Hour)) {
		t.Fatalf("%+v", rc)
	}
	s.refuses("second receiver", 410, "used-up", "POST", path+"/accept", `{}`)
	if _, _, body := s.call("GET", path, ""); !strings.Contains(body, `"valid":false,"reason":"used-up"`) {
		t.Fatal(body)
	}

	// Both meet, and nobody publishes whatever its token says.
	sender := s.enterWith(made.Room, made.Token)
	s.await(sender.conn, protocol.TypeWelcome)
	s.await(s.enterWith(made.Room, receiver.Token).conn, protocol.TypeWelcome)
	s.await(sender.conn, protocol.TypeJoined)
	g := s.joins(made.Room, "intruder", "publish,subscribe,data").welcome().Grants
	if g.Publish != nil {
		t.Fatalf("may publish: %+v", g)
	}
	if log := s.log.String(); strings.Contains(log, made.ID) || strings.Contains(log, "eyJ") {
		t.Fatal("the log holds the link or a token")
	}
}

func TestTransferRevoked(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	made := s.handOver(`{"receivers":2,"code":true}`)
	path := "/v1/transfers/" + made.ID
	receiver, _ := s.take(path + "/accept")
	inside := s.enterWith(made.Room, receiver.Token)
	s.await(inside.conn, protocol.TypeWelcome)

	s.refuses("the receiver", 403, protocol.CodeForbidden, "DELETE", path, "", "Authorization: Bearer "+receiver.Token)
	other := s.handOver(`{}`)
	s.refuses("another sender", 403, protocol.CodeForbidden, "DELETE", path, "", "Authorization: Bearer "+other.Token)
	if status, _, body := s.call("DELETE", path, "", "Authorization: Bearer "+made.Token); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	if e := s.errorOf(inside); e.Code != protocol.CodeRoomClosed || !e.Fatal || !strings.Contains(e.Message, "withdrawn") {
		t.Fatalf("inside: %+v", e)
	}
	for who, token := range map[string]string{"receiver": receiver.Token, "sender": made.Token} {
		if e := s.errorOf(s.enterWith(made.Room, token)); e.Code != protocol.CodeRoomClosed || !strings.Contains(e.Message, "withdrawn") {
			t.Fatalf("%s: %+v", who, e)
		}
	}
	s.refuses("accept", 410, "revoked", "POST", path+"/accept", `{}`)
	s.refuses("claim", 404, protocol.CodeNotFound, "POST", fmt.Sprintf("/v1/codes/%d/claim", made.Nameplate), `{}`)
	s.refuses("code", 410, "revoked", "POST", path+"/code", "", "Authorization: Bearer "+made.Token)
	if status, _, body := s.call("DELETE", "/v1/transfers/"+other.ID, "", s.bearer("", "admin")); status != 204 {
		t.Fatalf("an admin: %d %s", status, body)
	}
}

// A room of a transfer that nobody remembers does not open, and one that has such a name by chance does.
func TestRoomOfNoTransfer(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	if e := s.errorOf(s.joins(transferRoomOf("x"), "ann", "data")); e.Code != protocol.CodeRoomClosed || !strings.Contains(e.Message, "over") {
		t.Fatalf("%+v", e)
	}
	for _, name := range []string{"transfer-station", "transfer-" + strings.Repeat("A", 20), "my-" + transferRoomOf("x")} {
		s.joins(name, "ann", "data").welcome()
	}
}

func TestTransferExpired(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	id, _, err := s.transfers.create(t.Context(), 2, time.Minute, time.Now().Add(-2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	s.refuses("expired", 410, "expired", "POST", "/v1/transfers/"+id+"/accept", `{}`)
	if _, _, body := s.call("GET", "/v1/transfers/"+id, ""); !strings.Contains(body, `"reason":"expired"`) {
		t.Fatal(body)
	}
}

// Who has accepted may go on after the link has expired.
func TestTransferGoesOnAfterItsLink(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	now := time.Now()
	_, made, err := s.transfers.create(t.Context(), 2, time.Minute, now.Add(-50*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.transfers.accept(t.Context(), made.Room, "", now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.transfers.accept(t.Context(), made.Room, "", now.Add(time.Minute)); !errors.Is(err, errExpired) {
		t.Fatal(err)
	}
	if err := s.transfers.admits(t.Context(), made.Room); err != nil {
		t.Fatal(err)
	}
}

// Who did not get the answer asks again and gets its own place; nobody else does.
func TestAcceptedAgain(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	made := s.handOver(`{"receivers":2}`)
	accept := func(once string) (int, api.Accepted) {
		t.Helper()
		status, _, body := s.call("POST", "/v1/transfers/"+made.ID+"/accept", `{"once":"`+once+`"}`)
		var a api.Accepted
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return status, a
	}
	const ann, ben = "0123456789abcdef", "fedcba9876543210"
	_, first := accept(ann)
	for range 3 {
		if status, again := accept(ann); status != 200 || again.Identity != first.Identity {
			t.Fatalf("%d %+v, was %+v", status, again, first)
		}
	}
	if status, other := accept(ben); status != 200 || other.Identity == first.Identity {
		t.Fatalf("%d %+v", status, other)
	}
	if status, _ := accept("another-secret-of-enough"); status != 410 {
		t.Fatalf("a third of two: %d", status)
	}
	if status, again := accept(ann); status != 200 || again.Identity != first.Identity {
		t.Fatal("not when all have accepted")
	}
	for _, bad := range []string{"short", strings.Repeat("x", 65)} {
		if status, _ := accept(bad); status != 400 {
			t.Fatalf("%s: %d", bad, status)
		}
	}
	s.call("DELETE", "/v1/transfers/"+made.ID, "", "Authorization: Bearer "+made.Token)
	if status, _ := accept(ann); status != 410 {
		t.Fatalf("after it was withdrawn: %d", status)
	}
}

func TestTransferAsked(t *testing.T) {
	s := run(t, Config{})
	for body, want := range map[string]int{
		`{"receivers":100,"expiresIn":604800}`: 201, `{"expiresIn":10,"more":1}`: 201,
		`{"receivers":101}`: 400, `{"receivers":-1}`: 400, `{"expiresIn":604801}`: 400, `{"expiresIn":9}`: 400, `{"expiresIn":-5}`: 400,
		`{"receivers":"1"}`: 400, `[]`: 400,
	} {
		if status, _, answer := s.call("POST", "/v1/transfers", body); status != want {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

func TestWhoMayTransfer(t *testing.T) {
	s := run(t, Config{Open: no()})
	link, _, err := s.transfers.create(t.Context(), 1, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	receiver, _ := s.take("/v1/transfers/" + link + "/accept")
	for _, c := range []struct {
		who, header string
		status      int
	}{
		{"anybody", "X-Nothing: 1", 403},
		{"a guest of a call", s.bearer("demo", "data"), 201},
		{"a viewer", s.bearer("demo", "subscribe"), 403},
		{"an admin", s.bearer("", "admin"), 201},
		{"junk", "Authorization: Bearer x", 401},
		{"who was let in to receive", "Authorization: Bearer " + receiver.Token, 403},
	} {
		if status, _, body := s.call("POST", "/v1/transfers", `{}`, c.header); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.who, status, body, c.status)
		}
	}
}

func TestTransfersAreLimited(t *testing.T) {
	s := run(t, Config{StartBurst: 2, StartRate: 0.001})
	s.handOver(`{}`)
	s.handOver(`{}`)
	h := s.refuses("third", 429, protocol.CodeLimit, "POST", "/v1/transfers", `{}`)
	if h.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	s.handOver(`{}`, s.bearer("", "admin"))
}

func TestTransferGuessed(t *testing.T) {
	s := run(t, Config{GuessBurst: 3, GuessRate: 0.001})
	made := s.handOver(`{"code":true}`)
	for i := range 3 {
		s.refuses("guess", 404, protocol.CodeNotFound, "GET", "/v1/transfers/"+strings.Repeat(string(rune('A'+i)), 26), "")
	}
	s.refuses("too many guesses", 429, protocol.CodeLimit, "GET", "/v1/transfers/"+made.ID, "")
	s.refuses("a claim after them", 429, protocol.CodeLimit, "POST", "/v1/codes/1/claim", `{}`)
}

// race calls a path many times at once and returns how many were answered with 200.
func (s *testServer) race(path string, n int) int {
	s.t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int64
	for range n {
		wg.Go(func() {
			res, err := http.Post(s.base+path, "application/json", strings.NewReader(`{}`))
			if err != nil {
				s.t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode == 200 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	return int(won.Load())
}

func TestTransferRaced(t *testing.T) {
	s := run(t, Config{GuessBurst: 1000})
	made := s.handOver(`{"receivers":3,"code":true}`)
	if n := s.race(fmt.Sprintf("/v1/codes/%d/claim", made.Nameplate), 20); n != 1 {
		t.Errorf("%d claimed one code", n)
	}
	if n := s.race("/v1/transfers/"+made.ID+"/accept", 20); n != 3 {
		t.Errorf("%d accepted for 3", n)
	}
}

func TestCode(t *testing.T) {
	s := run(t, Config{GuessBurst: 1000})
	first, second := s.handOver(`{"code":true}`), s.handOver(`{"code":true}`)
	if first.Nameplate != 1 || second.Nameplate != 2 {
		t.Fatalf("%d and %d", first.Nameplate, second.Nameplate)
	}
	a, c := s.take("/v1/codes/1/claim")
	if a.Room != first.Room || !strings.HasPrefix(a.Identity, "c-") || c.Expires.After(time.Now().Add(5*time.Minute)) {
		t.Fatalf("%+v", c)
	}
	for _, n := range []string{"1", "0", "-1", "01", "+2", "2 ", "99999", "x", "2.0", "%32%20"} {
		s.refuses(n, 404, protocol.CodeNotFound, "POST", "/v1/codes/"+strings.ReplaceAll(n, " ", "%20")+"/claim", `{}`)
	}
	renew := func(made api.Transfer) int {
		t.Helper()
		return asks[api.Nameplate](s, 200, "POST", "/v1/transfers/"+made.ID+"/code", "", "Authorization: Bearer "+made.Token).Nameplate
	}
	if n := renew(first); n != 1 {
		t.Errorf("the smallest free number is 1, not %d", n)
	}
	if n := renew(second); n != 3 {
		t.Errorf("got %d", n)
	}
	s.refuses("the code before", 404, protocol.CodeNotFound, "POST", "/v1/codes/2/claim", `{}`)
	if a, _ := s.take("/v1/codes/3/claim"); a.Room != second.Room {
		t.Error("another room")
	}
	// With the last receiver the code is of no use.
	s.take("/v1/transfers/" + first.ID + "/accept")
	s.refuses("used up", 404, protocol.CodeNotFound, "POST", "/v1/codes/1/claim", `{}`)
	s.refuses("another's", 403, protocol.CodeForbidden, "POST", "/v1/transfers/"+second.ID+"/code", "", "Authorization: Bearer "+first.Token)
}

// A number is freed though nobody else than its own transfer may free it.
func TestNameplateOfAnother(t *testing.T) {
	t.Parallel()
	s, ctx := idle(t), t.Context()
	n, err := s.transfers.hang(ctx, "transfer-a", time.Hour)
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := s.transfers.unhang(ctx, n, "transfer-b"); err != nil {
		t.Fatal(err)
	}
	if room, err := s.transfers.claim(ctx, n); room != "transfer-a" || err != nil {
		t.Fatal(room, err)
	}
	if err := s.transfers.unhang(ctx, n, "transfer-a"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.transfers.hang(ctx, "transfer-b", time.Second); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	until(t, func() string { // it expires by itself
		if _, err := s.store.Get(ctx, nameplateKey(1)); !errors.Is(err, store.ErrNotFound) {
			return "the nameplate is still there"
		}
		return ""
	})
}

func TestTransferLink(t *testing.T) {
	s := idle(t)
	for _, c := range []struct{ url, host, want string }{
		{"https://meet.example/", "localhost:8080", "https://meet.example"},
		{"", "198.51.100.7", fmt.Sprintf("https://198.51.100.7:%d", s.MediaAddr().Port())},
	} {
		s.cfg.URL = c.url
		r := httptest.NewRequest("POST", "/v1/transfers", nil)
		r.Host = c.host
		if got := s.shareBase(r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	s.cfg.URL = ""
	r := httptest.NewRequest("POST", "https://files.example:444/v1/transfers", nil) // by TLS
	if got := s.shareBase(r); got != "https://files.example:444" {
		t.Error(got)
	}
}

func TestTransferPages(t *testing.T) {
	s := run(t, Config{})
	for path, noindex := range map[string]bool{"/t/ABC": true, "/send": false} {
		status, h, body := s.call("GET", path, "", "Accept: text/html")
		if status != 200 || !strings.Contains(body, "<title>app</title>") || (h.Get("X-Robots-Tag") != "") != noindex {
			t.Errorf("%s: %d %v", path, status, h)
		}
	}
}

// What is shared with the app before its worker is there does not stay here.
func TestSharedTooEarly(t *testing.T) {
	s := run(t, Config{})
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
		Post(s.base+"/send", "multipart/form-data; boundary=x", strings.NewReader("--x\r\n\r\n--x--"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 303 || res.Header.Get("Location") != "/send?shared=lost" {
		t.Fatal(res.StatusCode, res.Header)
	}
}

func FuzzTransfer(f *testing.F) {
	f.Add(`{"receivers":1,"expiresIn":600,"code":true}`, strings.Repeat("A", 26), "7")
	f.Add(`{"receivers":1e9}`, "..", "-0")
	f.Add(`[]`, "", "99999999999999999999")
	s := idle(f)
	s.guesses = newLimiter(1e9, 1e9)
	f.Fuzz(func(t *testing.T, body, id, nameplate string) {
		var q api.CreateTransfer
		if json.Unmarshal([]byte(body), &q) == nil {
			if life, wrong := transferLife(&q); wrong == "" && (life < minTransferLife || life > maxTransferLife || q.Receivers < 1 || q.Receivers > maxTransferReceivers) {
				t.Fatalf("%+v for %v", q, life)
			}
		}
		for _, h := range []http.HandlerFunc{s.transferFacts, s.acceptTransfer, s.claimCode, s.sender(s.revokeTransfer)} {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.SetPathValue("id", id)
			r.SetPathValue("nameplate", nameplate)
			w := httptest.NewRecorder()
			h(w, r)
			if w.Code < 400 || w.Code >= 500 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// Links, codes and tokens outlive a restart, also one that nobody prepared.
func TestTransferOutlivesTheServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := run(t, *whole(t, data))
	made := s.handOver(`{"receivers":2,"code":true}`)
	receiver, _ := s.take("/v1/transfers/" + made.ID + "/accept")
	s.await(s.enterWith(made.Room, made.Token).conn, protocol.TypeWelcome)
	s.stop()

	s = run(t, *whole(t, data))
	for who, token := range map[string]string{"sender": made.Token, "receiver": receiver.Token} {
		if w := s.await(s.enterWith(made.Room, token).conn, protocol.TypeWelcome); !strings.Contains(string(w), `"participants":10`) {
			t.Errorf("%s: %s", who, w)
		}
	}
	if a, _ := s.take(fmt.Sprintf("/v1/codes/%d/claim", made.Nameplate)); a.Room != made.Room {
		t.Error("the code leads elsewhere")
	}
	s.take("/v1/transfers/" + made.ID + "/accept")
	s.refuses("a third", 410, "used-up", "POST", "/v1/transfers/"+made.ID+"/accept", `{}`)
}
