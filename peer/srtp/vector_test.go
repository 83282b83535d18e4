package srtp

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 3711 appendix B.3.
func TestKeyDerivationVectors(t *testing.T) {
	k := Keys{Key: unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"), Salt: unhex(t, "0EC675AD498AFEEBB6960B3AABE6")}
	for _, c := range []struct {
		label byte
		want  string
	}{
		{labelRTPKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{labelRTPSalt, "30CBBC08863D8C85D49DB34A9AE1"},
		{labelRTPAuth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		want := unhex(t, c.want)
		got, err := k.derive(c.label, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("label %d: %x, want %x (%v)", c.label, got, want, err)
		}
	}
}

// RFC 3711 appendix B.2: the key stream is what zeros are sealed to.
func TestCounterModeVector(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"))
	if err != nil {
		t.Fatal(err)
	}
	c := &cm{}
	salt := [14]byte(unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
	c.setIV(&salt, make([]byte, 4), 0, 0)
	stream := make([]byte, 0xff02*16)
	c.xor(block, stream, stream)
	for at, want := range map[int]string{
		0: "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
		0xfeff * 16: "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE " +
			"6A2CC3787889374FBEB4C81B17BA6C44",
	} {
		if w := unhex(t, want); !bytes.Equal(stream[at:at+len(w)], w) {
			t.Errorf("at %#x: %x, want %x", at, stream[at:at+len(w)], w)
		}
	}
}

// RFC 7714 §16.1.1 and §17.1.
func TestGCMVectors(t *testing.T) {
	aead, err := newAEAD(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	if err != nil {
		t.Fatal(err)
	}
	masks := newSalt(unhex(t, "517569642070726f2071756f"))
	g := &gcm{rtp: aead, rtcp: aead, rtpSalt: masks, rtcpSalt: masks}

	plain := unhex(t, `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
		69736120 696e2070 61727465 73207472 6573`)
	want := unhex(t, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
		0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	buf := make([]byte, 100)
	copy(buf, plain[:12])
	if n := g.sealRTP(buf, 12, plain[12:], 0); !bytes.Equal(buf[:n], want) {
		t.Errorf("sealed %x, want %x", buf[:n], want)
	}
	if n, err := g.openRTP(want, 12, 0); err != nil || !bytes.Equal(want[:n], plain) {
		t.Errorf("opened %x, %v", want[:n], err)
	}

	plain = unhex(t, `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef`)
	want = unhex(t, `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
		c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`)
	if n := g.sealRTCP(buf, plain, 0x5d4); !bytes.Equal(buf[:n], want) {
		t.Errorf("sealed %x, want %x", buf[:n], want)
	}
	if n, err := g.openRTCP(want, 0x5d4); err != nil || !bytes.Equal(want[:n], plain) {
		t.Errorf("opened %x, %v", want[:n], err)
	}
}
