-- One query a table; $people, $orders, $deliveries and $engagements are numbers of rows. Read by benchmarks/people.py.
-- Times spread evenly over the year before 2026-11-24; a person's share of the events falls steeply.

-- contacts
SELECT connection, CAST(i AS VARCHAR) AS platform_id, 'u' || i || '@people.test' AS email,
       CAST([] AS VARCHAR[]) AS additional_emails, CAST([] AS VARCHAR[]) AS merged_ids, 'active' AS state, consent,
       TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_hours(CAST(i % 8000 AS BIGINT)) AS created_at,
       TIMESTAMPTZ '2026-01-01 00:00:00+00' AS updated_at,
       '{"country": "' || ['GB', 'DE', 'SE', 'US'][1 + i % 4] || '", "lifecyclestage": "customer", "city": "City '
       || i % 5000 || '", "company": "Company ' || i % 90000 || '", "numemployees": "' || i % 300 || '"}' AS properties
FROM range($people) people(i), (VALUES ('crm', 'unknown'), ('email', 'subscribed')) platforms(connection, consent)

-- links
SELECT kind || i || domain AS contact_key, printf('p-%016x-%08x', i, i * 7919 % 4294967296) AS person_id
FROM range($people) people(i), (VALUES ('crm:', ''), ('email:', ''), ('mailto:u', '@people.test')) keys(kind, domain)

-- orders
SELECT 'crm' AS connection, 'o' || i AS order_id, 'crm:' || CAST(floor($people * pow(random(), 1.5)) AS BIGINT) AS contact_key,
       TIMESTAMPTZ '2026-11-24 00:00:00+00' - to_microseconds(CAST((1 - (i + .5) / $orders) * 31536000000000 AS BIGINT)) AS at,
       round(exp(3.2 + 1.6 * (random() + random() + random() - 1.5)), 2) AS amount,
       CASE WHEN random() < .98 THEN 'USD' ELSE 'EUR' END AS currency,
       CASE WHEN random() < .97 THEN 'placed' ELSE 'cancelled' END AS state, CAST(NULL AS VARCHAR) AS campaign_id
FROM range($orders) events(i)

-- order_lines
SELECT 'crm' AS connection, 'o' || i AS order_id, '1' AS line_id, 's' || i % 500 AS product_id,
       'Product ' || i % 500 AS title, 'category ' || CAST(floor(12 * random() * random()) AS BIGINT) AS category,
       1.0 + floor(3 * random()) AS quantity, 20.0 AS price
FROM range($orders) events(i)

-- deliveries
SELECT 'email' AS connection,
       'c' || CAST(floor(400 * (i + .5) / $deliveries + 3 - 3 * random() * random()) AS BIGINT) AS campaign_id,
       'mailto:u' || CAST(floor($people * pow(random(), 1.5)) AS BIGINT) || '@people.test' AS contact_key,
       TIMESTAMPTZ '2026-11-24 00:00:00+00'
           - to_microseconds(CAST((1 - (i + .5) / $deliveries) * 31536000000000 AS BIGINT)) AS at,
       CASE WHEN random() < .99 THEN 'sent' ELSE 'soft' END AS status, CAST(NULL AS VARCHAR) AS variant
FROM range($deliveries) events(i)

-- engagements
SELECT 'email' AS connection, 'e' || i AS event_id,
       CASE WHEN i % 100 < 62 THEN 'open' WHEN i % 100 < 85 THEN 'click' WHEN i % 100 < 98 THEN 'visit'
            WHEN i % 100 < 99 THEN 'bounce' ELSE 'form' END AS kind,
       'mailto:u' || CAST(floor($people * pow(random(), 1.5)) AS BIGINT) || '@people.test' AS contact_key,
       CASE WHEN i % 100 BETWEEN 85 AND 97 OR i % 100 = 99 THEN NULL ELSE
            'c' || CAST(floor(400 * (i + .5) / $engagements + 3 - 3 * random() * random()) AS BIGINT) END AS campaign_id,
       TIMESTAMPTZ '2026-11-24 00:00:00+00'
           - to_microseconds(CAST((1 - (i + .5) / $engagements) * 31536000000000 AS BIGINT)) AS at,
       CAST(NULL AS VARCHAR) AS url
FROM range($engagements) events(i)

-- survey_answers
SELECT 'files' AS connection, 'crm:' || i AS contact_key, 'needs' AS survey, 'q1' AS item,
       CAST(i % 5 AS VARCHAR) AS value, TIMESTAMPTZ '2026-06-01 00:00:00+00' AS at
FROM range($people // 100) answers(i)
