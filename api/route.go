package api

import (
	"slices"
	"strings"

	"switchyard/protocol"
)

// Bounds of lists.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// Access says whose token opens a route.
type Access string

// The kinds of access.
const (
	Anyone    Access = "anyone"    // no token
	Moderator Access = "moderator" // the admin grant, or the moderate grant for the room
	Sender    Access = "sender"    // the admin grant, or the token of the transfer's sender
	Data      Access = "data"      // the data grant for the room
	Admin     Access = "admin"     // the admin grant
)

// Route is one route of the API.
type Route struct {
	Name, Method, Path string
	Access             Access
	// Doc says what it does; the first sentence is its summary.
	Doc string
	// Query are the parameters that it has besides those of its path.
	Query []Parameter
	// Body and Answer are zero values of the types of the JSON in both directions; nil where there is none.
	Body, Answer any
	// Status is that of success.
	Status int
	// Status 101 is a WebSocket: no answer follows it.
	// Media is the content type of an answer that is not JSON, BodyMedia that of such a body.
	Media, BodyMedia string
	// BodyExample and AnswerExample are JSON of these types.
	BodyExample, AnswerExample string
	// Problems are the statuses of errors besides those that follow from the rest: see Refusals.
	Problems []int
}

// Refusals are the statuses of all errors that the route can have, in order.
func (r *Route) Refusals() []int {
	all := append([]int{429, 500, 503}, r.Problems...)
	if r.Access != Anyone {
		all = append(all, 401, 403)
	}
	if r.Body != nil || len(r.Query) > 0 {
		all = append(all, 400)
	}
	if r.Body != nil || r.BodyMedia != "" {
		all = append(all, 400, 413)
	}
	if strings.Contains(r.Path, "{room}") {
		all = append(all, 404) // also for what is no name of a room
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Parameter is one of the query, or of the header where it says so.
type Parameter struct {
	Name, Doc string
	Integer   bool
	Header    bool
	Required  bool
}

var paging = []Parameter{
	{Name: "limit", Integer: true, Doc: "How many at most, 1 to 1000; 100 where it is absent."},
	{Name: "after", Doc: "Begin after this one: the value of next of the page before."},
}

var because = Parameter{Name: "reason", Doc: "A sentence that those concerned are shown, at most 256 bytes."}

const (
	roomExample        = `{"room":"standup","open":true,"openedAt":1763850000000,"kept":true,"participants":2,"viewers":0,"tracks":3,"options":{"kind":"call","participants":12},"keptOptions":{"participants":12}}`
	participantExample = `{"id":"ann","name":"Ann","role":"host","joinedAt":1763850000000,"connected":true,"tracks":[],"grants":{"publish":["*"],"subscribe":true,"data":true,"moderate":true},"quality":"good"}`
	trackExample       = `{"id":"t5","participant":"ann","kind":"video","source":"camera","codec":"VP8","width":1280,"height":720}`
	roomStatsExample   = `{"at":1763850000000000,"room":"standup","kind":"call","participants":[],"viewers":0,"links":[{"link":"link-2","participant":"ann","up":true,"transport":"udp","rtt":23.5,"in":[{"mid":"0","track":"t5","kind":"video","codec":"VP8","packets":5120,"bytes":6000000,"lost":0,"width":1280,"height":720,"keyframesAsked":3,"keyframes":4,"layers":[{"rid":"q","width":320,"height":180,"rates":[90000,150000],"live":true,"wanted":true},{"rid":"f","width":1280,"height":720,"rates":[900000,1500000],"live":true,"wanted":false}]}],"out":[{"mid":"5","track":"t7","kind":"video","packets":2400,"bytes":2700000,"lost":3,"width":640,"height":360,"layerSwitches":2,"retransmitted":3},{"mid":"7","track":"t9","kind":"video","packets":0,"bytes":0,"lost":0,"pause":"bandwidth"}],"ackedRate":620000,"loss":0.004,"send":{"estimate":700000,"sending":625000,"target":700000,"acked":620000,"wanted":2900000,"limit":"delay","queue":6.1,"probes":4,"raised":2,"silences":0}}]}`
	invitationExample  = `{"id":"MFRGGZDFMZTWQ2LKNNWG23TPOA","url":"https://meet.example.org/i/MFRGGZDFMZTWQ2LKNNWG23TPOA","room":"standup","role":"guest","expires":"2026-12-01T09:00:00Z"}`
)

// Routes are the whole API: the server routes by them, and the OpenAPI document is made of them.
var Routes = []Route{
	{Name: "listRooms", Method: "GET", Path: "/v1/rooms", Access: Admin, Status: 200, Query: paging,
		Doc:    "List rooms, by name. Those that are open, and those that are kept with options.",
		Answer: RoomList{}, AnswerExample: `{"rooms":[` + roomExample + `],"next":"standup"}`},
	{Name: "createRoom", Method: "POST", Path: "/v1/rooms", Access: Admin, Status: 201, Problems: []int{409},
		Doc:  "Create a room that is kept. Its options hold when it opens, and at once where it is open. Rooms need not be created: one opens when somebody comes.",
		Body: CreateRoom{}, BodyExample: `{"room":"standup","options":{"participants":12,"sources":["camera","microphone"],"metadata":{"team":"blue"}}}`,
		Answer: Room{}, AnswerExample: `{"room":"standup","open":false,"kept":true,"participants":0,"viewers":0,"tracks":0,"options":{"kind":"call","participants":12},"keptOptions":{"participants":12}}`},
	{Name: "getRoom", Method: "GET", Path: "/v1/rooms/{room}", Access: Moderator, Status: 200, Problems: []int{404},
		Doc:    "Get a room. The answer's ETag names the version of its kept options. With the header Upgrade: websocket this is the room's WebSocket (docs/protocol.md).",
		Answer: Room{}, AnswerExample: roomExample},
	{Name: "changeRoom", Method: "PATCH", Path: "/v1/rooms/{room}", Access: Admin, Status: 200, Problems: []int{404, 412},
		Doc:   "Change the options that are kept for a room. A merge patch (RFC 7396): absent fields stay, null takes one away. An open room obeys at once: what may not be published any more ends; nobody is sent away because of a lower limit.",
		Query: []Parameter{{Name: "If-Match", Header: true, Doc: "The ETag of the room as it was read: the change is refused (412) where somebody was faster."}},
		Body:  protocol.RoomOptions{}, BodyExample: `{"participants":20,"publishers":["host"],"endsAt":1795899600000}`,
		Answer: Room{}, AnswerExample: roomExample},
	{Name: "closeRoom", Method: "DELETE", Path: "/v1/rooms/{room}", Access: Moderator, Status: 204, Query: []Parameter{because},
		Doc: "Close a room. Everyone in it is told and leaves; with an admin token, what is kept for it is forgotten too. Who has a token can open it again. That there is no such room is as good."},
	{Name: "listParticipants", Method: "GET", Path: "/v1/rooms/{room}/participants", Access: Moderator, Status: 200, Query: paging, Problems: []int{404},
		Doc:    "List the participants of an open room, by id.",
		Answer: ParticipantList{}, AnswerExample: `{"participants":[` + participantExample + `]}`},
	{Name: "getParticipant", Method: "GET", Path: "/v1/rooms/{room}/participants/{participant}", Access: Moderator, Status: 200, Problems: []int{404},
		Doc: "Get a participant.", Answer: Participant{}, AnswerExample: participantExample},
	{Name: "changeParticipant", Method: "PATCH", Path: "/v1/rooms/{room}/participants/{participant}", Access: Moderator, Status: 200, Problems: []int{404, 413},
		Doc:  "Change a participant's name, role, attributes or grants. It holds while the room lives, also when the participant comes back. What it may not publish any more ends. A moderator's token can change the grants publish, subscribe and data.",
		Body: ChangeParticipant{}, BodyExample: `{"role":"speaker","grants":{"publish":["microphone"],"subscribe":true}}`,
		Answer: Participant{}, AnswerExample: participantExample},
	{Name: "removeParticipant", Method: "DELETE", Path: "/v1/rooms/{room}/participants/{participant}", Access: Moderator, Status: 204, Query: []Parameter{because},
		Doc: "Remove a participant. It cannot come back while the room lives. That it is not there is as good."},
	{Name: "listTracks", Method: "GET", Path: "/v1/rooms/{room}/tracks", Access: Moderator, Status: 200, Query: paging, Problems: []int{404},
		Doc:    "List the tracks of an open room, by id.",
		Answer: TrackList{}, AnswerExample: `{"tracks":[` + trackExample + `]}`},
	{Name: "roomStats", Method: "GET", Path: "/v1/rooms/{room}/stats", Access: Moderator, Status: 200, Problems: []int{404},
		Doc:    "Get how an open room's links and tracks do. For each link what may be sent on it and what is; for each published video its layers, with what they cost and whether somebody receives them; for each slot the layer that it sends, or why it sends nothing. Counters run since the start, so that two answers give a rate.",
		Answer: RoomStats{}, AnswerExample: roomStatsExample},
	{Name: "endTrack", Method: "DELETE", Path: "/v1/rooms/{room}/tracks/{track}", Access: Moderator, Status: 204,
		Doc: "End a track. Its owner is told and can publish again. That there is none is as good."},
	{Name: "muteTracks", Method: "POST", Path: "/v1/rooms/{room}/mute", Access: Moderator, Status: 200, Problems: []int{404},
		Doc:  "Mute tracks: one, those of a participant, or all. No media flows until the owner unmutes.",
		Body: Mute{}, BodyExample: `{"kind":"audio","except":["ann"]}`,
		Answer: Muted{}, AnswerExample: `{"tracks":["t5","t7"]}`},
	{Name: "sendData", Method: "POST", Path: "/v1/rooms/{room}/data", Access: Moderator, Status: 200, Problems: []int{404, 413},
		Doc:  "Send a message to participants.",
		Body: SendData{}, BodyExample: `{"to":["ann"],"topic":"notice","payload":{"text":"Five minutes left."}}`,
		Answer: DataSent{}, AnswerExample: `{"receivers":1}`},
	{Name: "listInvitations", Method: "GET", Path: "/v1/invitations", Access: Moderator, Status: 200,
		Query:  append([]Parameter{{Name: "room", Doc: "Only those to this room; a moderator's token must name its own."}}, paging...),
		Doc:    "List invitations, by id. Those that ended are kept for a week.",
		Answer: InvitationList{}, AnswerExample: `{"invitations":[` + invitationExample + `]}`},
	{Name: "createInvitation", Method: "POST", Path: "/v1/invitations", Access: Moderator, Status: 201,
		Doc:  "Make a link that lets others into a room.",
		Body: CreateInvitation{}, BodyExample: `{"room":"standup","role":"guest","uses":5,"expiresIn":86400}`,
		Answer: Invitation{}, AnswerExample: invitationExample},
	{Name: "getInvitation", Method: "GET", Path: "/v1/invitations/{id}", Access: Anyone, Status: 200, Problems: []int{404},
		Doc:    "Say where an invitation leads. This does not use it up.",
		Answer: InvitationFacts{}, AnswerExample: `{"room":"standup","role":"guest","valid":false,"reason":"expired"}`},
	{Name: "acceptInvitation", Method: "POST", Path: "/v1/invitations/{id}/accept", Access: Anyone, Status: 200, Problems: []int{404, 410},
		Doc:  "Accept an invitation: get a token for its room.",
		Body: Accept{}, BodyExample: `{"name":"Ann"}`,
		Answer: Accepted{}, AnswerExample: `{"token":"eyJhbGciOi…","room":"standup","identity":"p-4xk2mq","role":"guest"}`},
	{Name: "revokeInvitation", Method: "DELETE", Path: "/v1/invitations/{id}", Access: Moderator, Status: 204, Problems: []int{404},
		Doc: "Withdraw an invitation. Nobody can accept it any more; who has accepted stays."},
	{Name: "createToken", Method: "POST", Path: "/v1/tokens", Access: Admin, Status: 201,
		Doc:  "Make a token that lets somebody into a room. For back ends that know their users.",
		Body: CreateToken{}, BodyExample: `{"room":"standup","identity":"ann","name":"Ann","role":"host","grants":{"publish":["camera","microphone"],"subscribe":true,"data":true},"expiresIn":3600,"options":{"participants":12}}`,
		Answer: Token{}, AnswerExample: `{"token":"eyJhbGciOi…","room":"standup","identity":"ann","expires":"2026-11-23T10:00:00Z"}`},
	{Name: "adminRooms", Method: "GET", Path: "/v1/admin/rooms", Access: Admin, Status: 200,
		Doc: "List the open rooms for the admin page.", Answer: Object{}, AnswerExample: `{"rooms":[]}`},
	{Name: "adminLinks", Method: "GET", Path: "/v1/admin/links", Access: Admin, Status: 200,
		Doc: "List the WebRTC links with their counters.", Answer: Object{}, AnswerExample: `{"links":[]}`},
	{Name: "adminTap", Method: "GET", Path: "/v1/admin/links/{link}/tap", Access: Admin, Status: 200, Problems: []int{404, 409},
		Query: []Parameter{{Name: "what", Doc: "packets (rtpdump format) or events (JSON lines)."}, {Name: "payload", Doc: "true: whole packets, not headers only."}, {Name: "seconds", Integer: true, Doc: "How long, 1 to 3600."}},
		Doc:   "Record what passes over a link, as it comes.", Media: "application/octet-stream"},
	{Name: "adminProfile", Method: "GET", Path: "/v1/admin/profile/{name}", Access: Admin, Status: 200, Problems: []int{404},
		Query: []Parameter{{Name: "seconds", Integer: true, Doc: "How long, for cpu and trace."}},
		Doc:   "Get a Go profile of the server: cpu, trace, heap, allocs, goroutine or mutex.", Media: "application/octet-stream"},
	{Name: "adminOverview", Method: "GET", Path: "/v1/admin/overview", Access: Admin, Status: 200,
		Doc: "Get the whole server at this moment.", Answer: protocol.Overview{}},
	{Name: "adminLive", Method: "GET", Path: "/v1/admin/live", Access: Admin, Status: 200,
		Doc: "Follow the server. An overview a second, as server-sent events.", Media: "text/event-stream"},
	{Name: "adminDoctor", Method: "GET", Path: "/v1/admin/doctor", Access: Admin, Status: 200,
		Doc: "Get what the server finds out about itself.", Answer: protocol.Diagnosis{}},
	{Name: "serverInfo", Method: "GET", Path: "/v1/server", Access: Anyone, Status: 200,
		Doc: "Say what the pages around a call depend on.", Answer: ServerInfo{}, AnswerExample: `{"open":false,"https":"https://meet.example.org","nearby":true}`},
	{Name: "startOpenRoom", Method: "POST", Path: "/v1/open-rooms", Access: Anyone, Status: 201, Problems: []int{403},
		Doc: "Start a room without an invitation. For whom the server is open to.", Answer: OpenRoom{}, AnswerExample: `{"room":"calm-otter-421","key":"MFRGGZDFMZTWQ2LKNNWG23TPOA"}`},
	{Name: "getOpenRoom", Method: "GET", Path: "/v1/open-rooms/{room}", Access: Anyone, Status: 200, Problems: []int{404},
		Doc: "Say whether there is such an open room to enter.", Answer: OpenRoomFacts{}, AnswerExample: `{"room":"calm-otter-421","role":"guest"}`},
	{Name: "enterOpenRoom", Method: "POST", Path: "/v1/open-rooms/{room}/enter", Access: Anyone, Status: 200, Problems: []int{404},
		Doc: "Enter an open room: get a token for it.", Body: EnterOpenRoom{}, BodyExample: `{"name":"Ann"}`,
		Answer: Accepted{}, AnswerExample: `{"token":"eyJhbGciOi…","room":"calm-otter-421","identity":"p-4xk2mq","role":"guest"}`},
	{Name: "createTransfer", Method: "POST", Path: "/v1/transfers", Access: Anyone, Status: 201, Problems: []int{401, 403},
		Doc:  "Make a link by which files are handed over. For whom the server is open to, and for those with a token that has the data or admin grant.",
		Body: CreateTransfer{}, BodyExample: `{"receivers":1,"expiresIn":600,"code":true}`,
		Answer: Transfer{}, AnswerExample: `{"id":"MFRGGZDFMZTWQ2LKNNWG23TPOA","url":"https://meet.example.org/t/MFRGGZDFMZTWQ2LKNNWG23TPOA","room":"transfer-q6wctnqdhkqvvnkrl2aq","identity":"sender","token":"eyJhbGciOi…","expires":"2026-12-01T09:00:00Z","receivers":1,"nameplate":7}`},
	{Name: "getTransfer", Method: "GET", Path: "/v1/transfers/{id}", Access: Anyone, Status: 200, Problems: []int{404},
		Doc:    "Say whether a transfer's link can be accepted. This does not use it up.",
		Answer: TransferFacts{}, AnswerExample: `{"valid":true,"expires":"2026-12-01T09:00:00Z","left":1}`},
	{Name: "acceptTransfer", Method: "POST", Path: "/v1/transfers/{id}/accept", Access: Anyone, Status: 200, Problems: []int{404, 410},
		Doc:  "Accept a transfer: take the place of one of its receivers and get a token for its room.",
		Body: AcceptTransfer{}, BodyExample: `{"name":"Ann's phone","once":"lmrkw53b2n6hp4t7czq"}`,
		Answer: Accepted{}, AnswerExample: `{"token":"eyJhbGciOi…","room":"transfer-q6wctnqdhkqvvnkrl2aq","identity":"r-4xk2mqa7mn3opq2r","role":"receiver"}`},
	{Name: "revokeTransfer", Method: "DELETE", Path: "/v1/transfers/{id}", Access: Sender, Status: 204, Problems: []int{404},
		Doc: "Withdraw a transfer. Nobody can accept it any more, and its room closes for good."},
	{Name: "renewCode", Method: "POST", Path: "/v1/transfers/{id}/code", Access: Sender, Status: 200, Problems: []int{404, 410},
		Doc:    "Get a new code for a transfer. The one before is void.",
		Answer: Nameplate{}, AnswerExample: `{"nameplate":7}`},
	{Name: "claimCode", Method: "POST", Path: "/v1/codes/{nameplate}/claim", Access: Anyone, Status: 200, Problems: []int{404, 410},
		Doc:  "Claim the number of a code: get a token for the room of its transfer, to try the words there. The number is void then, whatever comes of it.",
		Body: Accept{}, BodyExample: `{"name":"Ann's phone"}`,
		Answer: Accepted{}, AnswerExample: `{"token":"eyJhbGciOi…","room":"transfer-q6wctnqdhkqvvnkrl2aq","identity":"c-4xk2mqa7mn3opq2r","role":"receiver"}`},
	{Name: "enterNearby", Method: "POST", Path: "/v1/nearby", Access: Anyone, Status: 200, Problems: []int{401, 403, 404},
		Doc:  "Ask to see devices nearby: get tokens for the rooms where they are. For those who may make links for files.",
		Body: EnterNearby{}, BodyExample: `{"name":"Ann's phone","device":"lmrkw53b2n6hp4t7czq","network":true}`,
		Answer: Nearby{}, AnswerExample: `{"rooms":[{"room":"nearby-q6wctnqdhkqvvnkrl2aq","identity":"n-4xk2mqa7mn3opq2r","token":"eyJhbGciOi…"}]}`},
	{Name: "relay", Method: "GET", Path: "/v1/relay/{room}", Access: Data, Status: 101, Problems: []int{410},
		Query: []Parameter{{Name: "peer", Required: true, Doc: "Whom to be joined to: another participant of the room."}, {Name: "token", Doc: "The token, where no header can be set."}},
		Doc:   "Be joined to another participant by WebSocket. For who has no other way: see docs/transfer.md. Subprotocol switchyard.relay.v1."},
	{Name: "doctorFacts", Method: "GET", Path: "/v1/doctor", Access: Anyone, Status: 200,
		Doc: "Say what a diagnosis of the connection needs to know.", Answer: protocol.DoctorFacts{}},
	{Name: "doctorTime", Method: "GET", Path: "/v1/doctor/time", Access: Anyone, Status: 200,
		Doc: "Get the server's clock.", Answer: protocol.DoctorTime{}},
	{Name: "doctorDown", Method: "GET", Path: "/v1/doctor/down", Access: Anyone, Status: 200,
		Query: []Parameter{{Name: "bytes", Integer: true, Required: true, Doc: "How many, 1 to 4194304."}},
		Doc:   "Download bytes, to measure.", Media: "application/octet-stream"},
	{Name: "doctorUp", Method: "POST", Path: "/v1/doctor/up", Access: Anyone, Status: 200,
		Doc: "Upload bytes, to measure.", BodyMedia: "application/octet-stream", Answer: protocol.DoctorUpload{}},
	{Name: "doctorLink", Method: "POST", Path: "/v1/doctor/link", Access: Anyone, Status: 200, Problems: []int{422},
		Doc: "Make a diagnostic link that is in no room.", Body: protocol.DoctorOffer{}, Answer: protocol.DoctorLink{}},
}

// Object is JSON whose fields are not part of the API: they serve the server's own pages.
type Object map[string]any
