package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/protocol"
)

// way is one way for media that is tried alone.
type way struct {
	id, title string
	tcp, six  bool
	turn      string // "": directly; "tcp" or "tls": through the server's TURN
	rank      int    // the smaller, the better for a call
}

// The ways, best first.
var ways = []way{
	{id: "udp-ipv4", title: "UDP over IPv4"},
	{id: "udp-ipv6", title: "UDP over IPv6", six: true, rank: 1},
	{id: "tcp-ipv4", title: "TCP over IPv4", tcp: true, rank: 2},
	{id: "tcp-ipv6", title: "TCP over IPv6", tcp: true, six: true, rank: 3},
	{id: "turn-tcp", title: "TURN over TCP", turn: "tcp", rank: 4},
	{id: "turn-tls", title: "TURN over TLS", turn: "tls", rank: 5},
}

// offered is what a diagnostic link's answer says, for the checks that need no connection.
type offered struct {
	ufrag, pwd, ours string // ICE credentials: the server's, and our user fragment
	candidates       []candidate
	codecs           []string
	ice, links       []protocol.ICEServer
}

// path is a way that came up.
type path struct {
	way
	pc     *webrtc.PeerConnection
	remote string
	took   time.Duration
}

func (p *path) close() { _ = p.pc.Close() } // nothing depends on a farewell

// outcome is what became of a way.
type outcome struct {
	way  way
	path *path
	skip string // why it was not tried
	err  error
}

var errNoWay = errors.New("doctor: no answer to any packet")

// checkPaths tries all ways at once, and returns the best that came up.
func (v *visit) checkPaths(ctx context.Context) (*path, *offered) {
	o, err := v.inquire(ctx)
	if err != nil {
		v.found(protocol.Finding{
			ID: "link", Group: groupMedia, State: protocol.FindingFail, Title: "Diagnostic link",
			Text: "The server makes no diagnostic link: " + strings.TrimSuffix(reason(err), ".") + ".", Fix: "Try again in a minute.",
		})
		return nil, nil
	}
	outcomes := make([]outcome, len(ways))
	var wg sync.WaitGroup
	for i, w := range ways {
		wg.Go(func() { outcomes[i] = v.try(ctx, w, o) })
	}
	wg.Wait()
	return v.judge(outcomes, o), o
}

// judge makes findings of the outcomes, keeps the best path and closes the others.
func (v *visit) judge(outcomes []outcome, o *offered) *path {
	var best *path
	udp := false
	for _, r := range outcomes {
		if r.path != nil && best == nil {
			best = r.path
		} else if r.path != nil {
			r.path.close()
		}
		udp = udp || r.path != nil && !r.way.tcp && r.way.turn == ""
	}
	for _, r := range outcomes {
		v.found(v.pathFinding(r, best, udp, o))
	}
	f := protocol.Finding{ID: "media", Group: groupMedia, State: protocol.FindingOK, Title: "Calls from here"}
	switch {
	case best == nil:
		f.State, f.Text = protocol.FindingFail, "Media cannot reach the server in any way: calls will not work from here."
		f.Fix = v.noWayFix(o)
	case udp:
		f.Text = "Calls work from here, and media goes by UDP, which is best."
	default:
		f.State, f.Text = protocol.FindingWarn, fmt.Sprintf("UDP is blocked: calls work from here only by %s, which stalls when packets are lost.", best.title)
		f.Fix = fmt.Sprintf("Ask whoever runs the network or the firewall to allow UDP to %s, port %d.", v.base.Hostname(), v.facts.MediaPort)
	}
	v.found(f)
	if f, refused := refusedByBrowsers(o); refused {
		v.found(f)
	}
	return best
}

// refusedByBrowsers says where browsers take fewer of the offered addresses than this program does.
func refusedByBrowsers(o *offered) (protocol.Finding, bool) {
	var lost []string
	taken := 0
	for _, c := range o.candidates {
		if protocol.BrowserTakes(c.addr) {
			taken++
		} else if text := c.addr.String(); !slices.Contains(lost, text) {
			lost = append(lost, text)
		}
	}
	if len(lost) == 0 {
		return protocol.Finding{}, false
	}
	f := protocol.Finding{ID: "browser-ports", Group: groupMedia, State: protocol.FindingOK, Title: "Addresses for browsers"}
	f.Text = fmt.Sprintf("Chromium, Chrome and Edge do not use %s: of the ports below 1024 they take 80 and 443 alone, and not at private addresses.", strings.Join(lost, ", "))
	if taken > 0 {
		f.Text += " They use the others that the server offers."
		return f, true
	}
	f.State = protocol.FindingFail
	f.Fix = "Start the server with a media port above 1023 (--media :8443), or name its public address with --public-ip. Until then calls in these browsers need TURN."
	return f, true
}

func (v *visit) pathFinding(r outcome, best *path, udp bool, o *offered) protocol.Finding {
	f := protocol.Finding{ID: r.way.id, Group: groupMedia, State: protocol.FindingOK, Title: r.way.title}
	switch {
	case r.skip != "":
		f.State, f.Text = protocol.FindingSkip, r.skip
	case r.path != nil:
		f.Text = fmt.Sprintf("A media link came up with %s in %.0f ms.", r.path.remote, ms(r.path.took))
		f.Values = map[string]float64{"milliseconds": ms(r.path.took)}
	case errors.Is(r.err, errNoWay):
		f.State, f.Text = protocol.FindingWarn, fmt.Sprintf("No media link comes up: nothing answers at port %d of %s.", v.facts.MediaPort, o.addresses(r.way))
		if f.Fix = v.blockedFix(r.way); best == nil {
			f.State = protocol.FindingFail
		} else if udp && (r.way.tcp || r.way.six) {
			f.Text += " Calls do without it."
		}
	default:
		f.State, f.Text = protocol.FindingWarn, "It could not be tried: "+strings.TrimSuffix(reason(r.err), ".")+"."
	}
	return f
}

func (v *visit) blockedFix(w way) string {
	host, port := v.base.Hostname(), v.facts.MediaPort
	switch {
	case w.turn != "":
		return fmt.Sprintf("Allow TCP to %s, port %d.", host, port)
	case w.tcp:
		return fmt.Sprintf("Allow TCP to %s, port %d, in the firewalls on the way; the server's media port listens on it.", host, port)
	}
	return fmt.Sprintf("Allow UDP to %s, port %d, in the firewalls on the way, at the server as well as here.", host, port)
}

// noWayFix tells a server that offers the wrong addresses from a firewall.
func (v *visit) noWayFix(o *offered) string {
	public := ""
	for _, text := range v.addrs {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			public = text
		}
	}
	private := len(o.candidates) > 0
	for _, c := range o.candidates {
		private = private && (c.addr.Addr().IsPrivate() || c.addr.Addr().IsLoopback())
	}
	if private && public != "" {
		return fmt.Sprintf("The server offers only private addresses although you reach it at %s: start it with --public-ip %s and forward port %d, UDP and TCP, to it.", public, public, v.facts.MediaPort)
	}
	return fmt.Sprintf("Open port %d, UDP and TCP, at the server and in the firewall here.", v.facts.MediaPort)
}

// addresses lists those that a way leads to.
func (o *offered) addresses(w way) string {
	var out []string
	for _, c := range o.candidates {
		if text := c.addr.Addr().String(); (w.turn != "" || c.of(w)) && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) > 3 {
		out = append(out[:3], "others")
	}
	return strings.Join(out, ", ")
}

// inquire makes a link only for what its answer says.
func (v *visit) inquire(ctx context.Context) (*offered, error) {
	api, err := client.NewAPI(v.base.String())
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	defer pc.Close()
	if _, err := pc.CreateDataChannel("inquiry", nil); err != nil {
		return nil, err
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind); err != nil {
			return nil, err
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	link, err := v.link(ctx, offer.SDP)
	if err != nil {
		return nil, err
	}
	o := readAnswer(link.SDP)
	o.ours, o.ice, o.links = readAnswer(offer.SDP).ufrag, link.ICEServers, link.LinkICEServers
	return o, nil
}

// link posts an offer.
func (v *visit) link(ctx context.Context, sdp string) (link protocol.DoctorLink, err error) {
	body, err := json.Marshal(protocol.DoctorOffer{SDP: sdp})
	if err != nil {
		return link, err
	}
	token := v.o.Token
	if !v.trusted {
		token = ""
	}
	_, err = v.call(ctx, http.MethodPost, "/v1/doctor/link", token, bytes.NewReader(body), &link)
	return link, err
}

// try tries one way; it returns within the time for a path.
func (v *visit) try(ctx context.Context, w way, o *offered) outcome {
	if why := v.cannot(w, o); why != "" {
		return outcome{way: w, skip: why}
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.PathTime)
	defer cancel()
	begin := time.Now()
	pc, err := v.connect(ctx, w, o)
	if err != nil {
		return outcome{way: w, err: err}
	}
	p := &path{way: w, pc: pc, took: time.Since(begin)}
	if pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair(); err == nil && pair != nil {
		p.remote = net.JoinHostPort(pair.Remote.Address, fmt.Sprint(pair.Remote.Port))
	}
	return outcome{way: w, path: p}
}

// cannot says why a way need not be tried.
func (v *visit) cannot(w way, o *offered) string {
	if w.turn != "" {
		if len(turnServers(o.ice, w.turn)) == 0 {
			return noTURN(w)
		}
		return ""
	}
	some := false
	for _, c := range o.candidates {
		some = some || c.of(w)
	}
	family := "IPv4"
	if w.six {
		family = "IPv6"
	}
	switch {
	case !some && w.tcp:
		return fmt.Sprintf("The server offers no TCP over %s.", family)
	case !some:
		return fmt.Sprintf("The server has no %s address.", family)
	case !hasFamily(w.six, v.isLocal()):
		return fmt.Sprintf("This machine has no %s address.", family)
	}
	return ""
}

func noTURN(w way) string {
	if w.turn == "tls" {
		return "The server offers no TURN over TLS; it does with a certificate of a known authority."
	}
	return "The server offers no " + w.title + "."
}

// connect makes a link by one way only.
func (v *visit) connect(ctx context.Context, w way, o *offered) (*webrtc.PeerConnection, error) {
	api, err := client.NewAPI(v.base.String(), func(s *webrtc.SettingEngine) {
		s.SetNetworkTypes([]webrtc.NetworkType{w.network()})
		s.SetICETimeouts(v.o.PathTime, v.o.PathTime, time.Second)
		s.SetRelayAcceptanceMinWait(0) // nothing better is on its way
	})
	if err != nil {
		return nil, err
	}
	config := webrtc.Configuration{}
	if w.turn != "" {
		config.ICEServers = turnServers(o.ice, w.turn)
		config.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	pc, err := api.NewPeerConnection(config)
	if err != nil {
		return nil, err
	}
	if err := v.raise(ctx, pc, w); err != nil {
		go pc.Close() // waits for dials that a firewall leaves without an answer, two minutes and more
		return nil, err
	}
	return pc, nil
}

// raise negotiates and waits until a channel is open: then ICE, DTLS and SCTP all work.
func (v *visit) raise(ctx context.Context, pc *webrtc.PeerConnection, w way) error {
	dc, err := pc.CreateDataChannel("hello", nil)
	if err != nil {
		return err
	}
	open := make(chan struct{})
	dc.OnOpen(func() { close(open) })
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	link, err := v.link(ctx, offer.SDP)
	if err != nil {
		return err
	}
	answer := link.SDP
	if w.turn == "" {
		answer = keepCandidates(answer, w)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return errNoWay
	}
}

func (w way) network() webrtc.NetworkType {
	switch {
	case w.tcp && w.six:
		return webrtc.NetworkTypeTCP6
	case w.tcp:
		return webrtc.NetworkTypeTCP4
	case w.six:
		return webrtc.NetworkTypeUDP6
	}
	return webrtc.NetworkTypeUDP4
}

// turnServers picks those that are reached by the given transport.
func turnServers(servers []protocol.ICEServer, transport string) (out []webrtc.ICEServer) {
	for _, s := range servers {
		for _, u := range s.URLs {
			secure := strings.HasPrefix(u, "turns:")
			plain := strings.HasPrefix(u, "turn:") && strings.Contains(u, "transport=tcp")
			if secure && transport == "tls" || plain && transport == "tcp" {
				out = append(out, webrtc.ICEServer{URLs: []string{u}, Username: s.Username, Credential: s.Credential})
			}
		}
	}
	return out
}

func (v *visit) isLocal() bool {
	ip, err := netip.ParseAddr(v.base.Hostname())
	return v.base.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// hasFamily tells whether this machine has an address of that family besides link-local ones.
func hasFamily(six, loopback bool) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // try it then
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(n.IP)
		if addr = addr.Unmap(); ok && addr.Is6() == six && !addr.IsLinkLocalUnicast() && (loopback || !addr.IsLoopback()) {
			return true
		}
	}
	return false
}
