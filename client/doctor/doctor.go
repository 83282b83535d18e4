// Package doctor finds out whether calls will work from here to a server, and says in words what is in
// the way: names, certificate, WebSocket, media by UDP, TCP and TURN over each address family, NAT,
// MTU, clock, and the measured quality of the way. It is a client of the endpoints below /v1/doctor,
// which need no token; with an admin's token it also asks the server about itself.
package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"switchyard/protocol"
)

// Options say what to look at and how.
type Options struct {
	// URL is the server's address: "https://meet.example.org".
	URL string
	// Token is an admin's, for the findings of the server about itself; may be empty.
	Token string
	// STUN are further STUN servers, HOST:PORT, to compare addresses with: the kind of NAT shows only
	// from two places.
	STUN []string
	// PathTime is how long each way has to come up; 0: 6 seconds. MeasureTime is how long each
	// measurement takes; 0: 2 seconds.
	PathTime, MeasureTime time.Duration

	// Found is told each finding as it comes, Progress what is being looked at. Both may be nil, and are
	// called by one goroutine at a time.
	Found    func(protocol.Finding)
	Progress func(string)
}

// ErrAddress is returned for a URL that is none.
var ErrAddress = errors.New("doctor: the address must begin with http:// or https://")

// The headings of a report, in their order.
const (
	groupServer  = "Reaching the server"
	groupMedia   = "Ways for media"
	groupNetwork = "Your network"
	groupQuality = "Quality"
	groupHere    = "This machine"
)

// Run looks at everything, one after the other where things disturb each other, and returns the report.
// The error is ErrAddress or that of ctx; whatever else is wrong is a finding.
func Run(ctx context.Context, o Options) (protocol.Diagnosis, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return protocol.Diagnosis{}, ErrAddress
	}
	if o.PathTime <= 0 {
		o.PathTime = 6 * time.Second
	}
	if o.MeasureTime <= 0 {
		o.MeasureTime = 2 * time.Second
	}
	v := &visit{o: o, base: &url.URL{Scheme: u.Scheme, Host: u.Host}, at: time.Now()}
	v.http = v.newHTTP(false)
	defer v.http.CloseIdleConnections()
	v.examine(ctx)
	return protocol.Diagnosis{
		Server: v.base.String(), At: v.at.UnixMilli(), State: protocol.Worst(v.findings), Findings: v.findings,
	}, ctx.Err()
}

// visit is one run.
type visit struct {
	o    Options
	base *url.URL
	at   time.Time
	http *http.Client
	// trusted is false where the certificate was not proven: then no token is sent.
	trusted bool
	facts   protocol.DoctorFacts
	addrs   []string // that the server's name stands for

	mu       sync.Mutex
	findings []protocol.Finding // guarded by mu
}

// examine goes from the outside in: what depends on something that failed is not tried.
func (v *visit) examine(ctx context.Context) {
	v.progress("looking up the server's name")
	v.checkName(ctx)
	v.progress("asking the server over HTTP")
	v.checkCertificate(ctx)
	if !v.checkHTTP(ctx) {
		return
	}
	v.checkClock(ctx)
	v.progress("opening a WebSocket")
	v.checkWebSocket(ctx)
	v.progress("trying each way for media")
	best, offered := v.checkPaths(ctx)
	v.progress("looking at your network's address and packet size")
	v.checkNetwork(ctx, offered)
	if best != nil {
		v.progress("measuring round trips and loss")
		v.measureEcho(ctx, best)
		v.progress("measuring the speed of the media link")
		v.measureFlow(ctx, best)
		best.close()
	}
	v.progress("measuring the speed over HTTP")
	v.measureHTTP(ctx)
	v.checkCodecs(offered)
	v.checkDevices()
	v.progress("asking the server about itself")
	v.checkServer(ctx)
}

// found adds a finding.
func (v *visit) found(f protocol.Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.findings = append(v.findings, f)
	if v.o.Found != nil {
		v.o.Found(f)
	}
}

func (v *visit) progress(what string) {
	if v.o.Progress != nil {
		v.o.Progress(what)
	}
}
