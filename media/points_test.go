package media

import "testing"

func TestPoints(t *testing.T) {
	for s := range uint8(PointsPerAxis) {
		for time := range uint8(PointsPerAxis) {
			var above, within Points
			for i := range uint8(PointsPerAxis) {
				for j := range uint8(PointsPerAxis) {
					if i >= s && j >= time {
						above |= Point(i, j)
					}
					if i == s && j >= time {
						within |= Point(i, j)
					}
				}
			}
			if Above(s, time) != above || Within(s, time) != within {
				t.Errorf("(%d,%d): above %016b, want %016b; within %016b, want %016b", s, time, Above(s, time), above, Within(s, time), within)
			}
		}
	}
	if Above(0, 0) != AllPoints || Point(9, 9) != Point(3, 3) {
		t.Error("bounds")
	}
}
