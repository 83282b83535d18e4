package server

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"switchyard/peer"
	"switchyard/protocol"
	"switchyard/sfu"
)

// What the connection check may cost, for one address and in all. It is open to everybody, because whom
// it is for often cannot get in: a person whose call does not come up.
const (
	doctorLinks     = 64        // diagnostic links at once
	doctorTransfers = 8         // HTTP measurements at once
	doctorChunk     = 64 << 10  // of the download, made once
	maxDownload     = 4 << 20   // of one request
	bytesBurst      = 192 << 20 // of HTTP measurements and links' answers, per address
	bytesRate       = 1 << 20   // per second, per address
	linkBurst       = 40        // new links, per address
	linkRate        = 0.5       // per second, per address
)

// checkup is the server's side of the connection check.
type checkup struct {
	links     *limiter // new links, by address
	bytes     *limiter // measured bytes, by address
	transfers chan struct{}
	chunk     []byte // cannot be compressed on the way
}

func newCheckup() *checkup {
	d := &checkup{
		links: newLimiter(linkRate, linkBurst), bytes: newLimiter(bytesRate, bytesBurst),
		transfers: make(chan struct{}, doctorTransfers), chunk: make([]byte, doctorChunk),
	}
	source := rand.NewChaCha8([32]byte{})
	source.Read(d.chunk)
	return d
}

// doctorFacts is GET /v1/doctor.
func (s *Server) doctorFacts(w http.ResponseWriter, r *http.Request) {
	facts := protocol.DoctorFacts{
		Server: "switchyard/" + version().Version, MediaPort: int(s.MediaAddr().Port()),
		LinkSeconds: int(echoLife / time.Second), EchoBytes: echoBytes,
	}
	if seen, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		facts.Seen = seen.Addr().Unmap().String()
	}
	reply(w, http.StatusOK, facts)
}

// doctorTime is GET /v1/doctor/time.
func (s *Server) doctorTime(w http.ResponseWriter, _ *http.Request) {
	received := time.Now().UnixMicro() // the handler runs as soon as the header is read
	reply(w, http.StatusOK, protocol.DoctorTime{Received: received, Sent: time.Now().UnixMicro()})
}

// doctorDown is GET /v1/doctor/down?bytes=N.
func (s *Server) doctorDown(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil || n < 1 || n > maxDownload {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "bytes must be 1 to "+strconv.Itoa(maxDownload)+".")
		return
	}
	done, ok := s.transfer(w, r, n)
	if !ok {
		return
	}
	defer done()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	h.Set("Cache-Control", "no-store, no-transform")
	for n > 0 {
		written, err := w.Write(s.doctor.chunk[:min(n, doctorChunk)])
		if n -= int64(written); err != nil {
			return
		}
	}
}

// doctorUp is POST /v1/doctor/up: it reads and forgets.
func (s *Server) doctorUp(w http.ResponseWriter, r *http.Request) {
	most := r.ContentLength
	if most < 0 || most > maxBody {
		most = maxBody // chunked: nobody knows yet
	}
	done, ok := s.transfer(w, r, max(most, 1))
	if !ok {
		return
	}
	defer done()
	begin := time.Now()
	n, err := io.Copy(io.Discard, r.Body)
	if errors.As(err, new(*http.MaxBytesError)) {
		fail(w, http.StatusRequestEntityTooLarge, protocol.CodeBadMessage, "The body is too large. Send at most "+strconv.Itoa(maxBody)+" bytes at once.")
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The body did not come to its end. Send it again.")
		return
	}
	reply(w, http.StatusOK, protocol.DoctorUpload{Bytes: n, Micros: time.Since(begin).Microseconds()})
}

// transfer takes n bytes off the address's allowance and one of the places; false when it has refused.
func (s *Server) transfer(w http.ResponseWriter, r *http.Request, n int64) (done func(), ok bool) {
	if !s.doctor.allows(s.doctor.bytes, r, float64(n)) {
		s.tooMany(w, "Your address has measured as much as is allowed for now. Try again in a few minutes.")
		return nil, false
	}
	select {
	case s.doctor.transfers <- struct{}{}:
		return func() { <-s.doctor.transfers }, true
	default:
		s.tooMany(w, "Others are measuring now. Try again in a moment.")
		return nil, false
	}
}

// allows takes n off the address's bucket. This machine is not limited: a proxy or a test runs there.
func (d *checkup) allows(l *limiter, r *http.Request, n float64) bool {
	addr := remote(r)
	return addr.IsLoopback() || l.take(addr, n, time.Now())
}

func (s *Server) tooMany(w http.ResponseWriter, detail string) {
	s.metrics.limited.Inc()
	w.Header().Set("Retry-After", "5")
	fail(w, http.StatusTooManyRequests, protocol.CodeLimit, detail)
}

// doctorLink is POST /v1/doctor/link: a link in no room, that answers on its DataChannels and ends soon.
func (s *Server) doctorLink(w http.ResponseWriter, r *http.Request) {
	if s.backend.Diagnose == nil {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "This server makes no links. Use a build that does.")
		return
	}
	var offer protocol.DoctorOffer
	if !readJSON(w, r, &offer) {
		return
	}
	if offer.SDP == "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, `The body must be {"sdp": "..."} with an SDP offer.`)
		return
	}
	if !s.doctor.allows(s.doctor.links, r, 1) {
		s.tooMany(w, "Your address has tried as many links as is allowed for now. Try again in a minute.")
		return
	}
	answer, err := s.backend.Diagnose(offer.SDP)
	bad, isBad := errors.AsType[*peer.OfferError](err)
	switch {
	case isBad:
		fail(w, http.StatusUnprocessableEntity, protocol.CodeBadOffer, "The offer cannot be answered: "+bad.Reason+".")
	case errors.Is(err, errEchoesFull), errors.Is(err, sfu.ErrTooMany):
		s.tooMany(w, "Others are testing their connection now. Try again in a moment.")
	case err != nil:
		fail(w, http.StatusServiceUnavailable, protocol.CodeShuttingDown, "The server makes no new links now. Try again in a moment.")
	default:
		link := protocol.DoctorLink{SDP: answer, Seconds: int(echoLife / time.Second)}
		if s.backend.ICEServers != nil {
			link.ICEServers, link.LinkICEServers = s.backend.ICEServers(r)
		}
		reply(w, http.StatusOK, link)
	}
}
