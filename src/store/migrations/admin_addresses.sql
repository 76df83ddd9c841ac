-- Every address an admin ever had, in an invitation or at a provider: they are known by each when they leave. New ones
-- are folded for comparing; those from before are kept as they were, with small letters where they were ASCII.
CREATE TABLE admin_address (
    practice TEXT NOT NULL,
    admin TEXT NOT NULL,
    email TEXT NOT NULL,
    PRIMARY KEY (practice, admin, email),
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
INSERT INTO admin_address (practice, admin, email)
    SELECT practice, id, email FROM admin WHERE email IS NOT NULL
    UNION SELECT practice, admin, email FROM admin_identity WHERE email IS NOT NULL;

-- Each request of the console asks for the addresses of whoever is signed in, and each return for their links.
CREATE INDEX admin_identity_admin ON admin_identity (practice, admin);
CREATE INDEX admin_invitation_admin ON admin_invitation (practice, admin);
