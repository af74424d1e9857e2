"""Names, companies and places that invented prospects are made of."""

from __future__ import annotations

FIRST_NAMES = (
    "Tomas", "Maya", "Anika", "Jonas", "Elena", "Priya", "Marcus", "Sofia", "Henrik", "Amara", "Lukas", "Ines",
    "Oliver", "Nadia", "Pavel", "Clara", "Mateo", "Freya", "Samuel", "Leila", "Viktor", "Hanna", "Diego", "Yuki",
    "Noah", "Zofia", "Anders", "Camille", "Rafael", "Ingrid", "Omar", "Julia", "Stefan", "Aisha", "Bruno", "Katrin",
    "Daniel", "Mei", "Fabian", "Teresa", "Emil", "Laura", "Kwame", "Annika", "Hugo", "Petra", "Arjun", "Nora",
)  # fmt: skip
LAST_NAMES = (
    "Weil", "Lindqvist", "Moreau", "Bergström", "Novak", "Castillo", "Okafor", "Hartmann", "Kowalski", "Ferrari",
    "Nakamura", "Silva", "Keller", "Johansen", "Dubois", "Petrov", "Walsh", "Vargas", "Schneider", "Haddad", "Jansen",
    "Rossi", "Meyer", "Andersson", "Patel", "Fischer", "Laurent", "Virtanen", "Romero", "Brandt", "Nilsen", "Costa",
    "Zimmermann", "Marchetti", "Horvat", "Sato", "Delgado", "Becker", "Lefevre", "Holm", "Popescu", "Baker",
)  # fmt: skip
COMPANIES = (
    "Brightfield", "Nordlead", "Kestrel Freight", "Alpenglow Software", "Harbour & Finch", "Montes Foods",
    "Tideline Energy", "Vireo Health", "Cobalt Robotics Works", "Larkspur Media", "Sundial Payments", "Oakmere Capital",
    "Quarry Analytics", "Papaya Retail", "Stellwerk Logistik", "Meridian Labs", "Fjord Systems", "Atelier Nove",
    "Bluegate Insurance", "Copperline Telecom", "Juniper Learning", "Halden Marine", "Rivet Manufacturing",
    "Saffron Hospitality", "Telemark Outdoors", "Umbra Security", "Wexford Pharma", "Yarrow Mobility",
)  # fmt: skip
ROLES = (
    "COO", "Head of Sales", "VP Finance", "Founder", "Head of Growth", "Operations Director", "CTO", "HR Lead",
    "Marketing Director", "Managing Director", "Head of Procurement", "Product Lead", "Chief of Staff",
    "Regional Manager", "Revenue Operations Manager", "IT Director", "Head of Customer Success", "CFO",
)  # fmt: skip
PLACES = (
    "Lyon, France", "Hamburg, Germany", "Madrid, Spain", "Stockholm, Sweden", "Milan, Italy", "Rotterdam, Netherlands",
    "Austin, Texas, United States", "Toronto, Canada", "Dublin, Ireland", "Zurich, Switzerland", "Lisbon, Portugal",
    "London, United Kingdom", "Warsaw, Poland", "Oslo, Norway", "Boston, Massachusetts, United States", "Singapore",
)  # fmt: skip
