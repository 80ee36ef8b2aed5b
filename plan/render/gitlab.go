package render

import (
	"encoding/json"
	"io"
)

// GitLab writes the report that GitLab's merge requests show for Terraform's plans
// (artifacts:reports:terraform).
func GitLab(w io.Writer, m *Model) error {
	return json.NewEncoder(w).Encode(struct {
		Create int `json:"create"`
		Update int `json:"update"`
		Delete int `json:"delete"`
	}{m.Summary.Add, m.Summary.Change, m.Summary.Remove})
}
