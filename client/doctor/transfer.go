package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"switchyard/protocol"
)

const (
	downloadBytes = 4 << 20   // one request's
	uploadBytes   = 512 << 10 // one request's at most
	firstUpload   = 16 << 10
	transferMost  = 64 << 20 // each way, on a fast line
	enough        = 1.5e6    // bit/s for one good picture
	scarce        = 300e3    // bit/s for a small one
)

// measureHTTP measures the speed over HTTP, both ways: by TCP and without our own code in between, it
// tells a slow line from a slow link.
func (v *visit) measureHTTP(ctx context.Context) {
	f := protocol.Finding{ID: "http-speed", Group: groupQuality, State: protocol.FindingOK, Title: "Speed over HTTP"}
	down, err := v.repeat(ctx, v.download)
	var up float64
	if err == nil {
		up, err = v.repeat(ctx, v.upload)
	}
	if err != nil {
		f.State, f.Text = protocol.FindingSkip, "It could not be measured: "+reason(err)+"."
		v.found(f)
		return
	}
	f.State, f.Text, f.Fix = judgeSpeed("HTTP carries", down, up)
	f.Values = map[string]float64{"down": down, "up": up}
	v.found(f)
}

// repeat runs one transfer after the other, and returns what went through by the end of the last in bits
// per second.
func (v *visit) repeat(ctx context.Context, transfer func(context.Context, int) (int64, error)) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, v.o.MeasureTime)
	defer cancel()
	begin := time.Now()
	sum, took := int64(0), time.Duration(0)
	for i := 0; sum < transferMost && ctx.Err() == nil; i++ {
		n, err := transfer(ctx, i)
		if n > 0 {
			sum, took = sum+n, time.Since(begin)
		}
		if err != nil && (sum == 0 || ctx.Err() == nil) {
			return 0, err
		}
	}
	return float64(sum*8) / max(took, time.Millisecond).Seconds(), nil
}

// download reads one answer; bytes that came before the end of the time count.
func (v *visit) download(ctx context.Context, _ int) (int64, error) {
	u := v.base.JoinPath("/v1/doctor/down")
	u.RawQuery = fmt.Sprintf("bytes=%d", downloadBytes)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, err
	}
	res, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("doctor: the server answered with HTTP status %d", res.StatusCode)
	}
	return io.Copy(io.Discard, res.Body)
}

// upload sends one body, small at first: it counts when the server has answered, because what was only
// sent stands in buffers on the way.
func (v *visit) upload(ctx context.Context, i int) (int64, error) {
	body := bulk[:min(firstUpload<<min(i, 8), uploadBytes)]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base.JoinPath("/v1/doctor/up").String(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("doctor: the server answered with HTTP status %d", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return int64(len(body)), err
}

// bulk is what uploads send: it cannot be compressed on the way.
var bulk = incompressible(uploadBytes)

// incompressible makes n bytes by a small generator (xorshift64, Marsaglia 2003).
func incompressible(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// judgeSpeed rates a speed by what pictures need.
func judgeSpeed(what string, down, up float64) (state protocol.FindingState, text, fix string) {
	text = fmt.Sprintf("%s %s to you and %s from you.", what, rate(down), rate(up))
	const help = "Stop what else uses the line, use a cable instead of Wi-Fi, or send without a camera."
	switch least := min(down, up); {
	case least < scarce:
		return protocol.FindingFail, text + " That is too little for a picture.", help
	case least < enough:
		return protocol.FindingWarn, text + " That is enough for a small picture only.", help
	}
	return protocol.FindingOK, text, ""
}

func rate(bits float64) string {
	if bits < 1e6 {
		return fmt.Sprintf("%.0f kbit/s", bits/1e3)
	}
	if bits < 10e6 {
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f Mbit/s", bits/1e6)
}
