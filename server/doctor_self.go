package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"switchyard/protocol"
)

// What the server needs of its machine to be well.
const (
	diskWarn  = 1 << 30   // bytes free
	diskFail  = 100 << 20 // the store refuses writes soon
	filesWarn = 4096      // one for each TCP connection
	udpWanted = 4 << 20   // bytes of receive buffer, as package peer/udp asks for
	certSoon  = 14 * 24 * time.Hour
)

const serverGroup = "The server itself"

// adminDoctor is GET /v1/admin/doctor: what the server finds out about itself.
func (s *Server) adminDoctor(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	host := readHost(s.cfg.Data)
	findings := []protocol.Finding{
		s.findAddresses(), s.findCertificate(now), findDisk(s.cfg.Data, host), findFiles(host), findBuffers(host), s.findGSO(host), s.findDrops(),
	}
	reply(w, http.StatusOK, protocol.Diagnosis{
		Server: s.BaseURL(), At: now.UnixMilli(), State: protocol.Worst(findings), Findings: findings,
	})
}

var errNoCertificate = errors.New("server: no certificate is configured")

// finding starts one about the server.
func finding(id, title string) protocol.Finding {
	return protocol.Finding{ID: "server-" + id, Group: serverGroup, State: protocol.FindingOK, Title: title}
}

func unknown(f protocol.Finding) protocol.Finding {
	f.State, f.Text = protocol.FindingSkip, "This system does not tell."
	return f
}

// findAddresses says whether anybody outside can reach what is offered.
func (s *Server) findAddresses() protocol.Finding {
	f := finding("addresses", "Addresses offered for media")
	if s.backend.Addresses == nil {
		return unknown(f)
	}
	addrs := s.backend.Addresses()
	kind := reachOf(addrs)
	text := ""
	for i, a := range addrs {
		if i > 0 {
			text += ", "
		}
		text += a.String()
	}
	port := s.MediaAddr().Port()
	switch kind {
	case "public":
		f.Text = fmt.Sprintf("The server offers %s on port %d.", text, port)
	case "private":
		f.State = protocol.FindingWarn
		f.Text = fmt.Sprintf("The server offers only private addresses (%s) on port %d: people outside of this network cannot send media to it.", text, port)
		f.Fix = fmt.Sprintf("If people come from outside, forward port %d (UDP and TCP) to this machine and start the server with --public-ip ADDRESS.", port)
	default:
		f.State = protocol.FindingWarn
		f.Text = fmt.Sprintf("The server offers only %s: nobody but this machine can connect.", text)
		f.Fix = "Start it with --media :8443 to serve others too."
	}
	if len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return protocol.BrowserTakes(netip.AddrPortFrom(a, port)) }) {
		f.State = protocol.FindingFail
		f.Text += fmt.Sprintf(" Chromium, Chrome and Edge use none of these: of the ports below 1024 they take 80 and 443 alone, and not at private addresses, and this is %d.", port)
		f.Fix = "Start it with a media port above 1023, such as --media :8443, or name its public address with --public-ip ADDRESS."
	}
	return f
}

// reachOf names the best of some addresses: public, private or loopback.
func reachOf(addrs []netip.Addr) string {
	best := "loopback"
	for _, a := range addrs {
		switch {
		case a.IsLoopback():
		case isPublic(a):
			return "public"
		default:
			best = "private"
		}
	}
	return best
}

// findCertificate looks at what the media port serves to a browser that comes by the server's URL.
func (s *Server) findCertificate(now time.Time) protocol.Finding {
	f := finding("certificate", "Certificate")
	host := "localhost"
	if u, err := url.Parse(s.BaseURL()); err == nil {
		host = u.Hostname()
	}
	leaf, err := certificateFor(s.tls, host)
	if err != nil {
		f.State = protocol.FindingFail
		f.Text = fmt.Sprintf("There is no certificate for %s now (%v).", host, err)
		f.Fix = "Read the server's log: it says why no certificate could be had."
		return f
	}
	days := int(leaf.NotAfter.Sub(now).Hours() / 24)
	f.Values = map[string]float64{"days": float64(days)}
	until := leaf.NotAfter.Format("2 January 2006")
	switch self := leaf.Subject.String() == leaf.Issuer.String(); {
	case now.After(leaf.NotAfter):
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("The certificate expired on %s.", until)
		f.Fix = "Renew it, or restart the server if it makes its own."
	case self:
		f.Text = fmt.Sprintf("The certificate is one that the server made for itself, good until %s. It renews it by itself.", until)
		if net.ParseIP(host) == nil && host != "localhost" {
			f.State = protocol.FindingWarn
			f.Fix = "Browsers warn of it. Let the server get a certificate of a known authority with --domain, or give it one with --cert and --key."
		}
	case leaf.NotAfter.Sub(now) < certSoon:
		f.State, f.Text = protocol.FindingWarn, fmt.Sprintf("The certificate for %s ends on %s, in %d days.", host, until, days)
		f.Fix = "Renew it: the server reads its files again when they change."
		if s.acme != nil {
			f.Fix = "The server should have renewed it by now: its log says why it could not."
		}
	default:
		f.Text = fmt.Sprintf("The certificate for %s is good until %s; a renewed one is taken without a restart.", host, until)
	}
	return f
}

func certificateFor(cfg *tls.Config, host string) (*x509.Certificate, error) {
	if cfg == nil {
		return nil, errNoCertificate
	}
	var cert *tls.Certificate
	if cfg.GetCertificate != nil {
		hello := &tls.ClientHelloInfo{
			ServerName: host, SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256}, SupportedCurves: []tls.CurveID{tls.X25519, tls.CurveP256},
		}
		var err error
		if cert, err = cfg.GetCertificate(hello); err != nil {
			return nil, err
		}
	}
	if cert == nil && len(cfg.Certificates) > 0 {
		cert = &cfg.Certificates[0]
	}
	if cert == nil || len(cert.Certificate) == 0 {
		return nil, errNoCertificate
	}
	return x509.ParseCertificate(cert.Certificate[0])
}

func findDisk(dir string, h hostLimits) protocol.Finding {
	f := finding("disk", "Disk space")
	if h.diskSize == 0 {
		return unknown(f)
	}
	f.Values = map[string]float64{"freeBytes": float64(h.diskFree), "sizeBytes": float64(h.diskSize)}
	f.Text = fmt.Sprintf("%s of %s are free where the data folder is.", gigabytes(h.diskFree), gigabytes(h.diskSize))
	switch {
	case h.diskFree < diskFail:
		f.State, f.Fix = protocol.FindingFail, fmt.Sprintf("Free some space on the file system of %s now: without any, invitations cannot be stored.", dir)
	case h.diskFree < diskWarn:
		f.State, f.Fix = protocol.FindingWarn, fmt.Sprintf("Free some space on the file system of %s soon.", dir)
	}
	return f
}

func gigabytes(n uint64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

func findFiles(h hostLimits) protocol.Finding {
	f := finding("files", "Open files")
	if h.files == 0 {
		return unknown(f)
	}
	f.Values = map[string]float64{"limit": float64(h.files)}
	f.Text = fmt.Sprintf("The server may open %d files and connections.", h.files)
	if h.files < filesWarn {
		f.State = protocol.FindingWarn
		f.Text = fmt.Sprintf("The server may open only %d files and connections; each person needs one or two.", h.files)
		f.Fix = "Raise the limit: LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536 before the start."
	}
	return f
}

func findBuffers(h hostLimits) protocol.Finding {
	f := finding("udp-buffers", "UDP buffers")
	got := udpBuffer(udpWanted)
	if got == 0 {
		return unknown(f)
	}
	f.Values = map[string]float64{"receiveBytes": float64(got), "rmemMax": float64(h.receive), "wmemMax": float64(h.send)}
	f.Text = fmt.Sprintf("A media socket gets a receive buffer of %d kB.", got>>10)
	if got < udpWanted {
		f.State = protocol.FindingWarn
		f.Text = fmt.Sprintf("A media socket gets a receive buffer of only %d kB instead of %d: under load the kernel drops packets before the server sees them.", got>>10, udpWanted>>10)
		f.Fix = fmt.Sprintf("Set sysctl net.core.rmem_max=%d and net.core.wmem_max=%d, or give the server CAP_NET_ADMIN.", udpWanted, udpWanted)
	}
	return f
}

// findGSO says whether many packets leave by one system call (UDP_SEGMENT), which halves the cost of each.
func (s *Server) findGSO(h hostLimits) protocol.Finding {
	f := finding("gso", "Batched sending (UDP GSO)")
	switch c := s.facts().Counters; {
	case !h.known:
		return unknown(f)
	case !h.gso:
		f.State, f.Text = protocol.FindingWarn, "The kernel has no UDP GSO: the server sends packet by packet and needs about twice the CPU."
		f.Fix = "Use Linux 4.18 or later."
	case c["udp_sent_total"] > 1000 && c["udp_messages_total"] > 0.98*c["udp_sent_total"]:
		f.Text = "The kernel has UDP GSO; so far hardly any packets could be joined."
	case c["udp_messages_total"] > 0:
		f.Text = fmt.Sprintf("The kernel has UDP GSO; so far %.1f packets left with each message.", c["udp_sent_total"]/c["udp_messages_total"])
	default:
		f.Text = "The kernel has UDP GSO; nothing was sent yet."
	}
	return f
}

// findDrops says what was lost inside the server.
func (s *Server) findDrops() protocol.Finding {
	f := finding("drops", "Packets dropped")
	facts := s.facts()
	lost := facts.Drops["mailbox-full"] + facts.Drops["udp_socket-full"]
	all := facts.Counters["rtp_received_total"] + facts.Counters["rtp_sent_total"]
	f.Values = map[string]float64{"overload": lost, "packets": all}
	f.Text = fmt.Sprintf("Of %.0f media packets, %.0f were dropped because the server was behind.", all, lost)
	if lost > all/1000 && lost > 100 {
		f.State, f.Fix = protocol.FindingWarn, "The machine is too slow for its calls: give it more cores, or share the calls among servers."
	}
	return f
}
