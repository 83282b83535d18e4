package h264

import "switchyard/codec/bits"

// ParseSPS reads the picture size from a sequence parameter set NAL unit, header byte included
// (ITU-T H.264 §7.3.2.1.1); false when it is none or cut off.
func ParseSPS(b []byte) (width, height int, ok bool) {
	if len(b) < 5 || b[0]&typeMask != sps {
		return 0, 0, false
	}
	profile := b[1]
	r := bits.NewEscapedReader(b[4:])
	r.UE() // seq_parameter_set_id
	chroma, separate := uint32(1), false
	if hasChroma(profile) {
		if chroma = r.UE(); chroma == 3 {
			separate = r.Flag()
		}
		r.UE()    // bit_depth_luma_minus8
		r.UE()    // bit_depth_chroma_minus8
		r.Skip(1) // qpprime_y_zero_transform_bypass_flag
		if r.Flag() {
			skipScalingLists(&r, chroma)
		}
	}
	r.UE() // log2_max_frame_num_minus4
	skipOrderCount(&r)
	r.UE()    // max_num_ref_frames
	r.Skip(1) // gaps_in_frame_num_value_allowed_flag
	w, h := r.UE()+1, r.UE()+1
	fields := uint32(1)
	if !r.Flag() { // frame_mbs_only_flag
		fields = 2
		r.Skip(1) // mb_adaptive_frame_field_flag
	}
	r.Skip(1) // direct_8x8_inference_flag
	const most = 1 << 12
	if w > most || h > most { // macroblocks; 65536 pixels: garbage
		return 0, 0, false
	}
	width, height = int(16*w), int(16*h*fields)
	if r.Flag() {
		x, y := cropUnits(chroma, separate, fields)
		left, right, top, bottom := r.UE(), r.UE(), r.UE(), r.UE()
		if max(left, right, top, bottom) > 16*most {
			return 0, 0, false
		}
		width -= x * int(left+right)
		height -= y * int(top+bottom)
	}
	if r.Overrun() || width <= 0 || height <= 0 {
		return 0, 0, false
	}
	return width, height, true
}

// hasChroma lists the profiles whose SPS tells the chroma format.
func hasChroma(profile byte) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

func skipScalingLists(r *bits.Reader, chroma uint32) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if !r.Flag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for range size {
			if next != 0 {
				next = (last + r.SE()) & 0xff
			}
			if next != 0 {
				last = next
			}
		}
	}
}

func skipOrderCount(r *bits.Reader) {
	switch r.UE() { // pic_order_cnt_type
	case 0:
		r.UE()
	case 1:
		r.Skip(1)
		r.SE()
		r.SE()
		for n := min(r.UE(), 255); n > 0 && !r.Overrun(); n-- {
			r.SE()
		}
	}
}

// cropUnits returns the size of a cropping step in pixels (equations 7-19 to 7-22).
func cropUnits(chroma uint32, separate bool, fields uint32) (x, y int) {
	x, y = 1, int(fields)
	if separate {
		return x, y
	}
	switch chroma {
	case 1:
		return 2, 2 * y
	case 2:
		return 2, y
	}
	return x, y
}
