package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"switchyard/api"
	"switchyard/protocol"
	"switchyard/signal/splice"
)

// contract is docs/openapi.json, read as strictly as can be: what it does not name is wrong.
type contract struct {
	t        *testing.T
	paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
	seen     map[string]bool // "name status" of what was checked
}

type operation struct {
	Name       string `json:"operationId"`
	Parameters []struct {
		Name, In string
	}
	RequestBody *struct{ Content map[string]any }
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]any
	}
}

const contractURL = "https://switchyard.test/openapi.json"

func readContract(t *testing.T) *contract {
	t.Helper()
	data, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	schemas := doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	for _, s := range schemas {
		if s := s.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false // a field that is not described is a mistake of the document
		}
	}
	c := &contract{t: t, compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020) // as OpenAPI 3.1 §4.8.24 has it
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(contractURL, doc); err != nil {
		t.Fatal(err)
	}
	var rest struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(data, &rest); err != nil {
		t.Fatal(err)
	}
	c.paths = rest.Paths
	for name := range schemas { // each is a schema by the metaschema
		if _, err := c.compiler.Compile(contractURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	return c
}

// pointer is a JSON pointer (RFC 6901) as the fragment of a URL.
func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p)))
	}
	return b.String()
}

// fits says what is wrong with JSON by the schema at a pointer.
func (c *contract) fits(at string, body []byte) error {
	schema, err := c.compiler.Compile(contractURL + "#" + at)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// exchange checks a request that was answered.
func (c *contract) exchange(r api.Route, path, body string, status int, h http.Header, answer string) {
	c.t.Helper()
	method := strings.ToLower(r.Method)
	o, ok := c.paths[r.Path][method]
	if !ok || o.Name != r.Name {
		c.t.Errorf("%s is not in the document", r.Name)
		return
	}
	c.seen[fmt.Sprint(r.Name, " ", status)] = true
	what := fmt.Sprintf("%s %s: %d", r.Method, path, status)
	if u, err := url.Parse(path); err == nil {
		for name := range u.Query() {
			if !slices.ContainsFunc(o.Parameters, func(p struct{ Name, In string }) bool { return p.In == "query" && p.Name == name }) {
				c.t.Errorf("%s: the parameter %s is not in the document", what, name)
			}
		}
	}
	if _, isJSON := c.content(o.RequestBody)["application/json"]; isJSON && body != "" && status < 300 {
		if err := c.fits(pointer("paths", r.Path, method, "requestBody", "content", "application/json", "schema"), []byte(body)); err != nil {
			c.t.Errorf("%s: the request: %v", what, err)
		}
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if status >= 400 {
		if _, named := o.Responses[strconv.Itoa(status)]; !named {
			c.t.Errorf("%s is not in the document", what)
		}
		if kind != "application/problem+json" {
			c.t.Errorf("%s: an error as %q: %s", what, kind, answer)
			return
		}
		if err := c.fits("/components/schemas/Problem", []byte(answer)); err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
		return
	}
	success, named := o.Responses[strconv.Itoa(status)]
	switch {
	case !named:
		c.t.Errorf("%s is not in the document: %s", what, answer)
	case len(success.Content) == 0 && answer != "":
		c.t.Errorf("%s: a body where the document has none: %s", what, answer)
	case len(success.Content) > 0 && success.Content[kind] == nil:
		c.t.Errorf("%s: comes as %q", what, kind)
	case kind == "application/json":
		at := pointer("paths", r.Path, method, "responses", strconv.Itoa(status), "content", kind, "schema")
		if err := c.fits(at, []byte(answer)); err != nil {
			c.t.Errorf("%s: %v\n%s", what, err, answer)
		}
	}
}

func (c *contract) content(b *struct{ Content map[string]any }) map[string]any {
	if b == nil {
		return nil
	}
	return b.Content
}

// conversation speaks to a server by the contract's routes.
type conversation struct {
	*contract
	s     *testServer
	route map[string]api.Route
	names *strings.Replacer // of what is between braces
}

// say makes a request by the name of its route and checks it; query begins with "?".
func (v *conversation) say(name, query, body string, want int, headers ...string) string {
	v.t.Helper()
	r, ok := v.route[name]
	if !ok {
		v.t.Fatalf("no route %s", name)
	}
	path := v.names.Replace(r.Path) + query
	status, h, answer := v.s.call(r.Method, path, body, headers...)
	if status != want {
		v.t.Errorf("%s %s %s: %d %s, want %d", r.Method, path, body, status, answer, want)
	}
	v.exchange(r, path, body, status, h, answer)
	return answer
}

// first returns the beginning of an answer that does not end by itself.
func (v *conversation) first(name, query, header string) {
	v.t.Helper()
	r := v.route[name]
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	path := v.names.Replace(r.Path) + query
	req, err := http.NewRequestWithContext(ctx, r.Method, v.s.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	key, value, _ := strings.Cut(header, ": ")
	req.Header.Set(key, value)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := res.Body.Read(make([]byte, 16)); n == 0 {
		v.t.Errorf("%s: nothing comes: %v", name, err)
	}
	v.exchange(r, path, "", res.StatusCode, res.Header, "")
}

// nowhere takes what a tap writes.
type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// offerOf is one of a DataChannel alone.
func offerOf(t *testing.T) string {
	t.Helper()
	pc := newPeer(t, false)
	if _, err := pc.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(protocol.DoctorOffer{SDP: offer.SDP})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Requests and answers of a running server are what the document says: for every route one that succeeds
// and, where there can be one, each refusal that it names.
func TestServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	cfg := *whole(t, t.TempDir())
	cfg.GuessBurst = 1000
	s := run(t, cfg)
	v := &conversation{contract: readContract(t), s: s, route: map[string]api.Route{},
		names: strings.NewReplacer("{room}", "demo", "{participant}", "ann", "{track}", "none", "{id}", strings.Repeat("A", 26), "{link}", "none", "{name}", "heap", "{nameplate}", "8")}
	for _, r := range api.Routes {
		v.route[r.Name] = r
	}
	admin, moderator := s.bearer("", "admin"), s.bearer("demo", "moderate")
	guest, stranger := s.bearer("demo", "subscribe"), s.bearer("other", "moderate")

	v.refusals(admin, moderator, guest, stranger)
	v.rooms(admin, moderator)
	v.invitations(admin, moderator)
	v.openRooms()
	v.transfers(admin)
	v.server(admin)

	for _, r := range api.Routes {
		if !v.seen[fmt.Sprint(r.Name, " ", r.Status)] {
			t.Errorf("%s never succeeded", r.Name)
		}
		for _, status := range r.Problems {
			if !v.seen[fmt.Sprint(r.Name, " ", status)] {
				t.Errorf("%s was never refused with %d", r.Name, status)
			}
		}
	}
}

// What the document does not say is noticed.
func TestContractNoticesWhatItDoesNotSay(t *testing.T) {
	c := readContract(t)
	at := pointer("paths", "/v1/rooms/{room}", "get", "responses", "200", "content", "application/json", "schema")
	const good = `{"room":"a","open":true,"kept":true,"participants":2,"viewers":0,"tracks":3,"options":{},"keptOptions":{}}`
	if err := c.fits(at, []byte(good)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		strings.Replace(good, `"open":true,`, ``, 1), strings.Replace(good, `true`, `"yes"`, 1), strings.Replace(good, `{"room"`, `{"more":1,"room"`, 1),
		strings.Replace(good, `"options":{}`, `"options":{"sources":["ear"]}`, 1), strings.Replace(good, `:2`, `:2.5`, 1), `[]`,
	} {
		if c.fits(at, []byte(bad)) == nil {
			t.Errorf("passed: %s", bad)
		}
	}
}

// refusals: without a token, with a bad one, without the grant, of another room, with a body that is none.
func (v *conversation) refusals(admin, moderator, guest, stranger string) {
	huge := `{"room":"` + strings.Repeat("x", maxBody) + `"}`
	for _, r := range api.Routes {
		if r.Access != api.Anyone {
			v.say(r.Name, "", "", 401)
			v.say(r.Name, "", "", 401, "Authorization: Bearer x.y.z")
			v.say(r.Name, "", "", 401, "Authorization: Basic YTpi")
		}
		ofRoom := strings.Contains(r.Path, "{room}")
		switch {
		case r.Access == api.Admin:
			v.say(r.Name, "", "", 403, moderator)
		case r.Access == api.Moderator && ofRoom:
			v.say(r.Name, "", "", 403, guest)
			v.say(r.Name, "", "", 403, stranger)
		}
		if r.Body != nil {
			v.say(r.Name, "", "{", 400, admin)
			v.say(r.Name, "", "\xff", 400, admin)
			v.say(r.Name, "", huge, 413, admin)
		}
	}
	v.say("listInvitations", "?room=demo", "", 403, guest)
	v.say("listInvitations", "", "", 403, moderator)
	v.say("createInvitation", "", `{"room":"other"}`, 403, moderator)
}

func (v *conversation) rooms(admin, moderator string) {
	v.say("getRoom", "", "", 404, admin)
	v.say("listParticipants", "", "", 404, admin)
	v.say("changeRoom", "", `{"participants":3}`, 404, admin)
	v.say("muteTracks", "", `{}`, 404, admin)
	v.say("sendData", "", `{"topic":"x","payload":1}`, 404, admin)
	v.say("createRoom", "", `{"room":"demo","options":{"participants":12,"sources":["camera"],"metadata":{"team":"blue"}}}`, 201, admin)
	v.say("createRoom", "", `{"room":"demo"}`, 409, admin)
	v.say("createRoom", "", `{"room":"-"}`, 400, admin)
	v.say("listRooms", "?limit=1", "", 200, admin)
	v.say("listRooms", "?limit=0", "", 400, admin)
	v.say("getRoom", "", "", 200, moderator)
	v.say("listTracks", "", "", 404, moderator)
	v.say("roomStats", "", "", 404, moderator)
	v.say("changeRoom", "", `{"participants":9,"sources":["camera","microphone"]}`, 200, admin)
	v.say("changeRoom", "", `{"participants":9}`, 412, admin, `If-Match: "999999"`)
	v.s.joins("demo", "ann", "publish,subscribe,data").welcome()
	v.s.publish("demo", false)
	v.say("listRooms", "", "", 200, admin)
	v.say("getRoom", "", "", 200, moderator)
	v.say("listParticipants", "?limit=1&after=a", "", 200, moderator)
	v.say("getParticipant", "", "", 200, moderator)
	v.say("changeParticipant", "", `{"role":"speaker","name":"Ann","attributes":{"hand":"1"},"grants":{"publish":["microphone"],"subscribe":true}}`, 200, moderator)
	v.say("changeParticipant", "", `{"grants":{"moderate":true}}`, 403, moderator)
	v.say("changeParticipant", "", `{"attributes":{"a":"`+strings.Repeat("x", 100_000)+`"}}`, 413, moderator)
	list := v.say("listTracks", "", "", 200, moderator)
	v.say("roomStats", "", "", 200, moderator)
	v.say("muteTracks", "", `{"kind":"video"}`, 200, moderator)
	v.say("muteTracks", "", `{"track":"none"}`, 404, moderator)
	v.say("sendData", "", `{"topic":"notice","payload":{"text":"hi"}}`, 200, moderator)
	v.say("sendData", "", `{"topic":"notice","payload":"`+strings.Repeat("x", 70_000)+`"}`, 413, moderator)
	v.say("sendData", "", `{"to":["nobody"],"topic":"x","payload":1}`, 404, moderator)
	v.say("adminRooms", "", "", 200, admin)
	v.say("adminOverview", "", "", 200, admin)
	v.taps(admin, v.say("adminLinks", "", "", 200, admin))
	var tracks api.TrackList
	if err := json.Unmarshal([]byte(list), &tracks); err != nil || len(tracks.Tracks) == 0 {
		v.t.Errorf("no tracks in %s", list)
	}
	v.say("endTrack", "", "", 204, moderator)
	v.say("removeParticipant", "?reason=bye", "", 204, moderator)
	v.say("getParticipant", "", "", 404, moderator)
	v.say("changeParticipant", "", `{"role":"x"}`, 404, moderator)
	v.say("closeRoom", "?reason=over", "", 204, moderator)
}

// taps records a link, and refuses a second tap of it.
func (v *conversation) taps(admin, links string) {
	v.say("adminTap", "", "", 404, admin)
	v.say("adminTap", "?what=nothing", "", 400, admin)
	id := regexp.MustCompile(`"link":"([^"]+)"`).FindStringSubmatch(links)
	if id == nil {
		v.t.Fatalf("no link in %s", links)
	}
	names := v.names
	v.names = strings.NewReplacer("{link}", id[1])
	defer func() { v.names = names }()
	stop, err := v.s.backend.Admin.Tap(id[1], Tap{Events: nowhere{io.Discard}})
	if err != nil {
		v.t.Fatal(err)
	}
	v.say("adminTap", "", "", 409, admin)
	stop()
	v.first("adminTap", "?what=packets&payload=true&seconds=5", admin)
}

func (v *conversation) invitations(admin, moderator string) {
	names := v.names
	defer func() { v.names = names }()
	v.say("getInvitation", "", "", 404)
	v.say("acceptInvitation", "", `{}`, 404)
	v.say("revokeInvitation", "", "", 404, admin)
	var made api.Invitation
	if err := json.Unmarshal([]byte(v.say("createInvitation", "", `{"room":"demo","role":"guest","uses":1,"expiresIn":60}`, 201, moderator)), &made); err != nil {
		v.t.Fatal(err)
	}
	v.say("createInvitation", "", `{"room":"demo","role":"king"}`, 400, moderator)
	v.say("listInvitations", "?room=demo&limit=1&after=A", "", 200, moderator)
	v.say("listInvitations", "", "", 200, admin)
	v.names = strings.NewReplacer("{id}", made.ID)
	v.say("getInvitation", "", "", 200)
	v.say("acceptInvitation", "", `{"name":"`+strings.Repeat("x", 65)+`"}`, 400)
	v.say("acceptInvitation", "", `{"name":"Ann"}`, 200)
	v.say("acceptInvitation", "", `{"name":"Ben"}`, 410)
	v.say("getInvitation", "", "", 200)
	v.say("revokeInvitation", "", "", 403, v.s.bearer("other", "moderate"))
	v.say("revokeInvitation", "", "", 204, moderator)
	v.say("createToken", "", `{"room":"demo","identity":"ann","grants":{"publish":["camera"],"subscribe":true},"expiresIn":60,"options":{"participants":3}}`, 201, admin)
	v.say("createToken", "", `{"room":"demo","grants":{"admin":true}}`, 400, admin)
}

func (v *conversation) openRooms() {
	names := v.names
	defer func() { v.names = names }()
	v.say("getOpenRoom", "", "", 404)
	v.say("enterOpenRoom", "", `{}`, 404)
	v.say("startOpenRoom", "", "", 403, "X-Forwarded-For: 192.0.2.1")
	var made api.OpenRoom
	if err := json.Unmarshal([]byte(v.say("startOpenRoom", "", "", 201)), &made); err != nil {
		v.t.Fatal(err)
	}
	v.names = strings.NewReplacer("{room}", made.Room)
	v.say("getOpenRoom", "", "", 200)
	v.say("enterOpenRoom", "", `{"name":"Ann","key":"`+made.Key+`"}`, 200)
	v.say("enterOpenRoom", "", `{"name":"Ben"}`, 200)
}

func (v *conversation) transfers(admin string) {
	names := v.names
	defer func() { v.names = names }()
	v.say("getTransfer", "", "", 404)
	v.say("acceptTransfer", "", `{}`, 404)
	v.say("revokeTransfer", "", "", 404, admin)
	v.say("renewCode", "", "", 404, admin)
	v.say("claimCode", "", `{}`, 404)
	v.say("createTransfer", "", `{"receivers":0}`, 403, "X-Forwarded-For: 192.0.2.1")
	v.say("createTransfer", "", `{}`, 401, "Authorization: Bearer x.y.z")
	v.say("enterNearby", "", `{"network":true}`, 403, "X-Forwarded-For: 192.0.2.1")
	v.say("enterNearby", "", `{"network":true}`, 401, "Authorization: Bearer x.y.z")
	v.say("enterNearby", "", `{}`, 400)
	v.say("enterNearby", "", `{"name":"Ann's phone","device":"0123456789abcdef","network":true,"pairs":["abcdefghijklmnopqrstuvwxyz"]}`, 200)
	v.s.cfg.Nearby = no()
	v.say("enterNearby", "", `{"network":true}`, 404)
	v.s.cfg.Nearby = nil
	v.say("createTransfer", "", `{"receivers":101}`, 400)
	var made api.Transfer
	if err := json.Unmarshal([]byte(v.say("createTransfer", "", `{"receivers":1,"expiresIn":60,"code":true}`, 201)), &made); err != nil {
		v.t.Fatal(err)
	}
	sender := "Authorization: Bearer " + made.Token
	v.names = strings.NewReplacer("{id}", made.ID, "{nameplate}", strconv.Itoa(made.Nameplate))
	v.say("getTransfer", "", "", 200)
	v.say("renewCode", "", "", 403, v.s.bearer("demo", "moderate"))
	v.say("claimCode", "", `{"name":"Ann"}`, 200)
	v.say("claimCode", "", `{"name":"`+strings.Repeat("x", 65)+`"}`, 400)
	v.say("renewCode", "", "", 200, sender)
	v.say("acceptTransfer", "", `{"name":"Ann"}`, 200)
	v.say("acceptTransfer", "", `{}`, 410)
	v.say("renewCode", "", "", 410, sender)
	v.say("getTransfer", "", "", 200)
	v.relay(made)
	v.say("revokeTransfer", "", "", 403, v.s.bearer("demo", "moderate"))
	v.say("revokeTransfer", "", "", 204, sender)
	v.names = strings.NewReplacer("{room}", made.Room)
	v.say("relay", "?peer=x", "", 410, sender, "Upgrade: websocket")

	// A code whose link has expired since.
	id, t, err := v.s.transfers.create(v.t.Context(), 1, time.Minute, time.Now().Add(-2*time.Minute))
	if err != nil {
		v.t.Fatal(err)
	}
	n, err := v.s.transfers.hang(v.t.Context(), t.Room, time.Minute)
	if err != nil {
		v.t.Fatal(err)
	}
	v.names = strings.NewReplacer("{id}", id, "{nameplate}", strconv.Itoa(n))
	v.say("claimCode", "", `{}`, 410)
}

// relay opens a relay to somebody who is not there.
func (v *conversation) relay(made api.Transfer) {
	v.t.Helper()
	names := v.names
	defer func() { v.names = names }()
	v.names = strings.NewReplacer("{room}", made.Room, "{id}", made.ID)
	sender := "Authorization: Bearer " + made.Token
	v.say("relay", "", "", 400, sender)
	v.say("relay", "?peer=x", "", 403, v.s.bearer(made.Room, "subscribe"))
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	r := v.route["relay"]
	path := v.names.Replace(r.Path) + "?peer=x&token=" + made.Token
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(v.s.base, "http")+path, &websocket.DialOptions{Subprotocols: []string{splice.Subprotocol}})
	if err != nil {
		v.t.Fatal(err)
	}
	conn.CloseNow()
	v.exchange(r, path, "", res.StatusCode, res.Header, "")
}

func (v *conversation) server(admin string) {
	v.say("serverInfo", "", "", 200)
	v.say("adminDoctor", "", "", 200, admin)
	v.first("adminLive", "", admin)
	v.say("adminProfile", "", "", 200, admin)
	v.say("adminProfile", "?seconds=0", "", 400, admin)
	v.say("doctorFacts", "", "", 200)
	v.say("doctorTime", "", "", 200)
	v.say("doctorDown", "?bytes=1000", "", 200)
	v.say("doctorDown", "?bytes=-1", "", 400)
	v.say("doctorUp", "", "some bytes", 200)
	v.say("doctorUp", "", strings.Repeat("x", maxBody+1), 413)
	v.say("doctorLink", "", offerOf(v.t), 200)
	v.say("doctorLink", "", `{"sdp":"v=0"}`, 422)
	names := v.names
	v.names = strings.NewReplacer("{name}", "nothing")
	v.say("adminProfile", "", "", 404, admin)
	v.names = names
}
