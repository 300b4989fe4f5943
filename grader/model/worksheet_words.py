"""The words of Moodle's grading worksheet in the languages that we know; data, no logic.

A language that is missing here is never guessed: the instructor names the columns (`--columns`), and what a status
says stays unread.
"""

from __future__ import annotations

HEADERS: dict[str, frozenset[str]] = {
    "identifier": frozenset({"Identifier", "ID", "Identifiant", "Identificador"}),
    "name": frozenset({"Full name", "Vollständiger Name", "Nom complet", "Nombre completo"}),
    "email": frozenset(
        {"Email address", "E-Mail-Adresse", "Adresse de courriel", "Dirección de correo", "Correo electrónico"}
    ),
    "id_number": frozenset(
        {"ID number", "ID-Nummer", "Numéro d'identification", "Numéro d’identification", "Número de ID"}
    ),
    "username": frozenset({"Username", "Anmeldename", "Nom d'utilisateur", "Nom d’utilisateur", "Nombre de usuario"}),
    "status": frozenset({"Status", "Statut", "Estado"}),
    "group": frozenset({"Group", "Gruppe", "Groupe", "Grupo"}),
    "grade": frozenset({"Grade", "Bewertung", "Note", "Calificación"}),
    "maximum": frozenset({"Maximum grade", "Maximum Grade", "Bestwertung", "Note maximale", "Calificación máxima"}),
    "scale": frozenset({"Scale", "Skala", "Barème", "Escala"}),
    "changeable": frozenset(
        {
            "Grade can be changed",
            "Bewertung kann geändert werden",
            "La note peut être modifiée",
            "La calificación puede cambiarse",
        }
    ),
    "due": frozenset({"Due date", "Fälligkeitsdatum", "Date limite", "Fecha de entrega"}),
    "cutoff": frozenset({"Cut-off date", "Letzte Abgabemöglichkeit", "Date de clôture", "Fecha límite"}),
    "modified_submission": frozenset(
        {
            "Last modified (submission)",
            "Zuletzt geändert (Abgabe)",
            "Dernière modification (travail remis)",
            "Última modificación (entrega)",
            "Última modificación (envío)",
        }
    ),
    "modified_grade": frozenset(
        {
            "Last modified (grade)",
            "Zuletzt geändert (Bewertung)",
            "Dernière modification (note)",
            "Última modificación (calificación)",
        }
    ),
    "comments": frozenset(
        {"Feedback comments", "Feedback als Kommentar", "Feedback par commentaires", "Comentarios de retroalimentación"}
    ),
}
"""Header words by the role of the column; blanks and case count, as they do in Moodle."""

PARTICIPANT_WORDS = frozenset({"Participant", "Teilnehmer/in", "Teilnehmerin", "Participante"})
"""What Moodle writes for a name while marking is blind (as in worksheets and, cleaned, in folder names)."""

YES = frozenset({"Yes", "Ja", "Oui", "Sí"})
NO = frozenset({"No", "Nein", "Non"})
"""Words of the column "Grade can be changed"."""

SUBMITTED = frozenset(
    {
        "Submitted for grading",
        "Zur Bewertung abgegeben",
        "Enviado para calificar",
        "Graded - follow up submission received",
        "Graded – follow up submission received",
        "Submission changes not allowed",
    }
)
DRAFT = frozenset(
    {
        "Draft (not submitted)",
        "Entwurf (nicht abgegeben)",
        "Brouillon (non remis)",
        "Borrador (no enviado)",
        "Reopened",
        "Erneut geöffnet",
    }
)
NOTHING = frozenset(
    {
        "No submission",
        "No attempt",
        "Keine Abgabe",
        "Pas de travail remis",
        "Sin entrega",
        "Not submitted",
        "Nothing has been submitted",
    }
)
"""Words of the column "Status": was something handed in? A reopened attempt is not handed in again yet."""

NEUTRAL = frozenset(
    {
        "Graded",
        "Bewertet",
        "Noté",
        "Calificado",
        "Not marked",
        "Not graded",
        "In marking",
        "In grading",
        "Marking completed",
        "Grading completed",
        "In review",
        "Ready for release",
        "Released",
    }
)
"""Words of the column "Status" that say nothing about handing in: grading and workflow states."""

OVERDUE = ("Assignment is overdue by:",)
EXTENSION = ("Extension granted until:", "Erweiterung der Abgabe möglich bis:", "Plazo ampliado hasta:")
LATE = (" late",)
"""Beginnings, and the end, of the words that Moodle puts around a date or a duration."""

UNITS: dict[str, int] = {
    "year": 31_536_000,
    "years": 31_536_000,
    "day": 86_400,
    "days": 86_400,
    "hour": 3_600,
    "hours": 3_600,
    "min": 60,
    "mins": 60,
    "sec": 1,
    "secs": 1,
}
"""Moodle's units of time in English, in seconds."""
