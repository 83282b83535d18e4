package client

import (
	"net/url"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// relayAfter is how long a link waits for a direct way when one through a relay is there already: as
// long as checks of a distant server take. Pion's 2 s would hold up those who have no other way.
const relayAfter = 500 * time.Millisecond

// NewAPI returns how the client makes peer connections to the server at address: the default
// codecs and feedback, audio levels (RFC 6464), no mDNS, and loopback addresses where the server is
// on this machine. Settings may change the engine at last, such as to give it a socket.
func NewAPI(address string, settings ...func(*webrtc.SettingEngine)) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	level := webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}
	if err := m.RegisterHeaderExtension(level, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	if err := registerInterceptors(m, interceptors); err != nil {
		return nil, err
	}
	var s webrtc.SettingEngine
	// Pion tells what we handle; PION_LOG_DEBUG=all brings it back.
	log := logging.NewDefaultLoggerFactory()
	if log.DefaultLogLevel == logging.LogLevelError {
		log.DefaultLogLevel = logging.LogLevelDisabled
	}
	s.LoggerFactory = log
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetRelayAcceptanceMinWait(relayAfter)
	s.SetICETimeouts(4*time.Second, 10*time.Second, time.Second)
	if u, err := url.Parse(address); err == nil && isLoopback(u.Hostname()) {
		s.SetIncludeLoopbackCandidate(true)
	}
	for _, set := range settings {
		set(&s)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(s)), nil
}
